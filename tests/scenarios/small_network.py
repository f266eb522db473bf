"""A network small enough to know every call of it: a configuration directory, and people on the emulated switch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ppc_engine.catalog.model import TrackingNumber
from ppc_engine.emulator.scenario import Scenario
from ppc_engine.storage import numbers
from ppc_engine.storage.database import open_database
from ppc_engine.storage.migrate import upgrade

PASSWORD = "a-password-of-the-emulated-switch-only"
SECRET = "a secret of thirty-two characters or more"
NUMBER = "+18005550100"

FILES = {
    "engine.yaml": "log_level: info\n",
    "catalog/buyers/acme.yaml": """
id: acme
name: Acme
zone: UTC
targets:
  - {id: acme-la, destination: "sip:acme@127.0.0.1:6001", concurrency_cap: 2, ring_ms_max: 20000}
  - {id: acme-two, destination: "sip:two@127.0.0.1:6001", priority: 2}
offers:
  - {id: acme-roofing, campaign: roofing, amount: "40.00", connected_ms_min: 30000}
""",
    "catalog/publishers/peak.yaml": """
id: peak
name: Peak
zone: UTC
offers:
  - {id: peak-roofing, campaign: roofing, amount: "25.00", connected_ms_min: 30000}
""",
    "catalog/campaigns/roofing.yaml": """
id: roofing
name: Roofing
flow: roofing
targets: [acme-la, acme-two]
concurrency_cap: 100
""",
    "flows/roofing.yaml": """
id: roofing
start: hello
nodes:
  hello: {type: answer, exits: {done: ask_zip}}
  ask_zip: {type: collect_zip, prompt: enter_zip, exits: {ok: sell, zip_failed: bye}}
  sell:
    type: route
    exits: {ended: bye, no_match: bye, all_closed: bye, all_capped: bye, all_no_answer: bye, recovered_none: bye}
  bye: {type: hangup}
""",
}


def write_config(directory: Path) -> Path:
    """The configuration as files."""
    for name, text in FILES.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory


def environment(directory: Path, switch_port: int, http_port: int, **more: str) -> dict[str, str]:
    """Everything about the installation, as PPC_ variables."""
    return {
        "PPC_DATABASE_URL": f"sqlite:///{directory / 'ppc.sqlite'}",
        "PPC_JOURNAL_DIR": str(directory / "journal"),
        "PPC_SWITCH_PORT": str(switch_port),
        "PPC_SWITCH_PASSWORD": PASSWORD,
        "PPC_SECRET": SECRET,
        "PPC_HTTP_PORT": str(http_port),
        **more,
    }


def prepare_database(directory: Path) -> None:
    """A database with the one tracking number."""
    database = open_database(f"sqlite:///{directory / 'ppc.sqlite'}")
    upgrade(database)
    numbers.assign(database, TrackingNumber(number=NUMBER, campaign="roofing", publisher="peak"), 1)
    database.dispose()


def people(*callers: dict[str, Any], **acme: Any) -> Scenario:
    """A scenario: these callers, Acme (as told) and a second target that answers after two seconds."""
    answers = {"does": "answer", "rings_ms": 2000}
    return Scenario.model_validate(
        {
            "callers": [{"dials": [NUMBER], "number": "+1310555####", **caller} for caller in callers],
            "buyers": [
                {"id": "acme", "address": "acme@127.0.0.1:6001", "behaviours": [{**answers, **acme}]},
                {"id": "two", "address": "two@127.0.0.1:6001", "behaviours": [answers]},
            ],
            "prompts": {"enter_zip": 1500},
        }
    )
