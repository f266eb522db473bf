"""What a node may look at, for the tests of nodes: a caller from Los Angeles on a Monday morning."""

from __future__ import annotations

import inspect
from typing import Any

import yaml

from ppc_engine.flows.model import Caller, Node, View
from ppc_engine.values.places import Places

MONDAY_0713_LOS_ANGELES = 1_790_000_000_000_000  # 2026-09-21T14:13:20Z
CALL_ID = "2fdc8c63-21c1-4aa0-9a1b-0a4f5b9d6c11"
PLACES = Places(zips={"90210": "CA", "02134": "MA"}, area_codes={"310": "CA"}, fingerprint="test")


def view(**more: Any) -> View:
    known = {
        "at": MONDAY_0713_LOS_ANGELES,
        "answered": True,
        "dialed_number": "+18005550100",
        "publisher": "peak",
        "area_code": "310",
        "tags": {},
        "places": PLACES,
        "call_id": CALL_ID,
        "offered_at": MONDAY_0713_LOS_ANGELES,
        "campaign": "roofing",
        "where": "roofing/here",
        "caller": Caller(number="+13105550123", kind="valid", area_state="CA"),
    }
    return View(**{**known, **more})


def example(kind: type[Node]) -> Node:
    """The node that the docstring of a type shows, read as a flow file is: every scalar stays text."""
    text = inspect.cleandoc(kind.__doc__ or "").partition("Example::")[2]
    raw = yaml.load(inspect.cleandoc(text), Loader=yaml.BaseLoader)
    (node,) = raw.values()
    return kind.model_validate(node)
