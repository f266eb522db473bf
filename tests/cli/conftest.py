"""Tests of the command line share the ZIP data, which takes half a second to read."""

import pytest

from ppc_engine.cli import call_retold
from tests.cli.rehearsed_calls import places_once


@pytest.fixture(autouse=True)
def _places_are_read_once(monkeypatch):
    monkeypatch.setattr(call_retold, "load_places", places_once)
