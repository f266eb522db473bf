"""The house keeps its floors and its sizes, and every rule that says so can be broken."""

import os
import subprocess
from pathlib import Path

import pytest

from tests import layering

ROOT = Path(__file__).parent.parent
SKIPPED_DIRECTORIES = {"__pycache__", "build", "var", "node_modules"}


def read_sources():
    """Every text file of the checkout that is not ignored, by its path from the root."""
    sources = {}
    for directory, names, files in os.walk(ROOT):
        relative = Path(directory).relative_to(ROOT)
        names[:] = [
            name
            for name in names
            if name not in SKIPPED_DIRECTORIES
            and not name.endswith(".egg-info")
            and (not name.startswith(".") or name == ".ci")
        ]
        for file in files:
            try:
                sources[(relative / file).as_posix()] = (Path(directory) / file).read_text()
            except UnicodeDecodeError:
                continue  # a prompt, a compressed transcript
    return sources


@pytest.fixture(scope="module")
def sources():
    found = read_sources()
    assert {"README.md", "requirements.lock", ".ci/run", "ppc_engine/values/money.py", "tests/layering.py"} <= set(
        found
    )
    return found


RULES = [
    layering.floor_breaches,
    layering.impurity_breaches,
    layering.one_user_breaches,
    layering.patching_breaches,
    layering.size_breaches,
    layering.name_breaches,
    layering.node_breaches,
    layering.workplace_breaches,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_repository_keeps_the_rule(rule, sources):
    assert rule(sources) == []


BREACHES = [
    # floors
    (layering.floor_breaches, "values/a.py", "from ppc_engine.catalog.model import Offer"),
    (layering.floor_breaches, "routing/a.py", "import ppc_engine.flows.model"),
    (layering.floor_breaches, "flows/nodes/a.py", "from ppc_engine import calls"),
    (layering.floor_breaches, "calls/a.py", "def f():\n    from ppc_engine.ports import Clock"),
    (layering.floor_breaches, "ports.py", "from ppc_engine.engine import dispatcher"),
    (layering.floor_breaches, "engine/a.py", "from ppc_engine.switch.decode import decode"),
    (layering.floor_breaches, "switch/a.py", "from ppc_engine.storage.schema import calls"),
    (layering.floor_breaches, "storage/a.py", "from ppc_engine.settings import Settings"),
    (layering.floor_breaches, "settings.py", "import ppc_engine.wiring"),
    (layering.floor_breaches, "wiring.py", "from ppc_engine.cli import main"),
    (layering.floor_breaches, "values/a.py", "from . import money"),
    (layering.floor_breaches, "sundries/a.py", ""),
    (layering.floor_breaches, "__init__.py", "from ppc_engine.values import money"),
    # purity
    (layering.impurity_breaches, "calls/a.py", "import time"),
    (layering.impurity_breaches, "values/a.py", "from os.path import join"),
    (layering.impurity_breaches, "flows/a.py", "from importlib import resources"),
    (layering.impurity_breaches, "billing/a.py", "from random import random"),
    (layering.impurity_breaches, "billing/a.py", "import sqlalchemy"),
    (layering.impurity_breaches, "ports.py", "import gevent"),
    (layering.impurity_breaches, "engine/a.py", "from sqlalchemy import select"),
    (layering.impurity_breaches, "calls/a.py", "from datetime import datetime\nat = datetime.now()"),
    (layering.impurity_breaches, "calls/a.py", "import uuid\nname = uuid.uuid4()"),
    (layering.impurity_breaches, "catalog/a.py", "from pathlib import Path"),
    (layering.impurity_breaches, "catalog/a.py", "text = open('x')"),
    (layering.one_user_breaches, "flows/a.py", "from cel_expr_python import cel"),
    (layering.one_user_breaches, "cli/a.py", "import cel_expr_python"),
    # gevent
    (layering.patching_breaches, "switch/a.py", "from gevent import monkey\nmonkey.patch_all()"),
    (layering.patching_breaches, "cli/serve.py", "import gevent.monkey\ngevent.monkey.patch_socket()"),
    # sizes and names
    (layering.size_breaches, "calls/a.py", "x = 1\n" * 401),
    (layering.size_breaches, "calls/a.py", "def f():\n" + "    x = 1\n" * 60),
    (layering.name_breaches, "calls/utils.py", ""),
    (layering.name_breaches, "helpers/__init__.py", ""),
    (layering.node_breaches, "flows/nodes/teleport.py", ""),
    (layering.workplace_breaches, "calls/a.py", "# see /wo" + "rk/main"),
    (layering.workplace_breaches, "calls/a.py", "path = '../sh" + "ared/x'"),
]


@pytest.mark.parametrize(("rule", "path", "text"), BREACHES, ids=[f"{r.__name__}:{p}" for r, p, _ in BREACHES])
def test_a_breach_is_found(rule, path, text):
    assert len(rule({f"ppc_engine/{path}": text})) == 1


ALLOWED = [
    ("routing/a.py", "from ppc_engine.catalog.model import Offer\nfrom ppc_engine.values import money"),
    (
        "catalog/a.py",
        "from pydantic import BaseModel\nfrom pathlib import PurePath\nimport hashlib, re",
    ),
    ("values/condition.py", "from cel_expr_python import cel"),
    ("engine/a.py", "import gevent\nimport time\nfrom ppc_engine.ports import Clock"),
    ("storage/a.py", "import sqlalchemy\nfrom ppc_engine.engine.cdr_batches import x\nfrom ppc_engine import ports"),
    ("cli/a.py", "from ppc_engine import __version__\nfrom ppc_engine.settings import load_settings"),
    ("__main__.py", "from gevent import monkey\nmonkey.patch_all()\nfrom ppc_engine.cli import main"),
]


@pytest.mark.parametrize(("path", "text"), ALLOWED, ids=[path for path, _ in ALLOWED])
def test_what_is_lawful_passes(path, text):
    assert [breach for rule in RULES for breach in rule({f"ppc_engine/{path}": text})] == []


def test_the_lock_has_hashes_and_no_addresses(sources):
    lock = sources["requirements.lock"]
    packages = [line for line in lock.splitlines() if line and not line.startswith((" ", "#"))]
    assert packages and all("==" in line for line in packages)
    assert lock.count("--hash=sha256:") >= len(packages)
    assert layering.workplace_breaches({"requirements.lock": "x @ https://host/x.whl"}) != []


def test_scripts_are_executable_and_their_shell_is_valid():
    scripts = [path for path in (*(ROOT / "scripts").iterdir(), ROOT / ".ci/run") if path.is_file()]
    shell = [path for path in scripts if path.suffix == ".sh" or path.read_text().startswith("#!/bin/sh")]
    assert {"test", "demo", "run", "venv.sh"} <= {path.name for path in shell}
    assert [path.name for path in shell if path.suffix != ".sh" and not os.access(path, os.X_OK)] == []
    for path in shell:
        subprocess.run(["sh", "-n", str(path)], check=True)
