"""Calls of a real configuration, rehearsed and stored as an engine would store them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from ppc_engine.calls.state import CallContext
from ppc_engine.catalog.model import TrackingNumber
from ppc_engine.rehearsal.counters import Others
from ppc_engine.rehearsal.people import Phone, Script
from ppc_engine.rehearsal.rehearse import Rehearsed, rehearse
from ppc_engine.rehearsal.world import Offer
from ppc_engine.storage.catalog_files import load_config
from ppc_engine.storage.cdrs import SQLCDRStore
from ppc_engine.storage.facts import compress_facts
from ppc_engine.storage.places import load_places
from ppc_engine.storage.revisions import save_revision
from tests.calls.call_traces import KEY, T0
from tests.scenarios.small_network import NUMBER

CALL_ID = "2fdc8c63-21c1-4aa0-9a1b-0a4f5b9d6c11"


places_once = cache(load_places)
"""ZIP data takes half a second to read: once is enough for all tests."""


def stored_context(database: Any, config_dir: Path, **more: Any) -> CallContext:
    """The context of a configuration whose revision is kept in the database."""
    config = load_config(config_dir)
    save_revision(database, config.revision, config.body, 1)
    number = TrackingNumber(number=NUMBER, campaign="roofing", publisher="peak")
    parts = {"code_version": "0.0.1", "data_hashes": {}, **more}
    return CallContext(
        catalog=config.catalog, flows=config.flows, numbers={NUMBER: number}, places=places_once(),
        revision=config.revision, key=KEY, **parts,
    )  # fmt: skip


def call(
    context: CallContext,
    *,
    call_id: str = CALL_ID,
    zip_code: str = "90210",
    caller: str = "+13105550123",
    **phones: Any,
) -> Rehearsed:
    """One call: the caller keys the ZIP; each target's telephone does as told (acme_la="busy"), else answers."""
    does = {name.replace("_", "-"): {"does": how} if isinstance(how, str) else how for name, how in phones.items()}
    behaviours = {name: (Phone.model_validate(how),) for name, how in does.items()}
    offer = Offer(call_id=call_id, at=T0, dialed_number=NUMBER, caller_number=caller)
    people = Script(digits={"*": (zip_code,)}, phones=behaviours, history=lambda params: {"talks": []})
    return rehearse(context, offer, people, Others(context.catalog, T0))


def store(database: Any, *calls: Rehearsed) -> None:
    """Keep calls with their facts."""
    SQLCDRStore(database).write([(one.cdr, compress_facts(one.facts)) for one in calls])
