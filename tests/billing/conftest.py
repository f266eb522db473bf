"""A database in memory, with CDRs written as the engine writes them."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from ppc_engine.engine.qualify_batch import qualify
from ppc_engine.storage.billing import SQLBillingStore
from ppc_engine.storage.cdrs import SQLCDRStore
from ppc_engine.storage.facts import compress_facts
from ppc_engine.storage.schema import metadata
from tests.billing.traces import judge_all, stored

NO_FACTS = compress_facts([])


class Books:
    """A network's database: calls come in, are qualified, and what is in force can be looked at."""

    def __init__(self, terms):
        self.terms = terms
        self.engine = create_engine("sqlite://", poolclass=StaticPool)
        metadata.create_all(self.engine)
        self.store = SQLBillingStore(self.engine)

    def arrive(self, *cdrs):
        SQLCDRStore(self.engine).write([(cdr, NO_FACTS) for cdr in cdrs])

    def qualify(self, **options):
        return qualify(self.store, lambda _: self.terms, lambda: 1, **options)

    def in_force(self):
        """{call_id: judgement} of everything judged, as a reader of the tables sees it."""
        return stored(self.engine)

    def close(self):
        self.engine.dispose()


@pytest.fixture
def books():
    opened = []

    def open_books(terms):
        opened.append(Books(terms))
        return opened[-1]

    yield open_books
    for one in opened:
        one.close()


@pytest.fixture(params=["judged one by one", "through the database"])
def judged(request, books):
    """Judges calls under terms, both by the pure function alone and as ``ppc qualify`` does it."""

    def run(terms, *calls):
        if request.param == "judged one by one":
            return judge_all(terms, calls)
        opened = books(terms)
        opened.arrive(*calls)
        opened.qualify()
        return opened.in_force()

    return run
