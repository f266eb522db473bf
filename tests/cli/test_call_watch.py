"""``ppc call watch``: a call explained while it happens, from the journal of a running engine."""

import orjson
import pytest

from ppc_engine.cli import run
from ppc_engine.cli.call_retold import StoredContexts
from ppc_engine.cli.call_watch import Watch, wanted_by
from ppc_engine.storage.database import open_database
from ppc_engine.storage.journal_lines import CLOSED, encode_line, segment_path
from ppc_engine.storage.schema import metadata
from tests.calls.call_traces import CALL_ID, DIRECT, buyer, context, target
from tests.cli import call_stories
from tests.cli.rehearsed_calls import call

CALLER = "+13105550123"


@pytest.fixture
def contexts(tmp_path):
    database = open_database(f"sqlite:///{tmp_path}/ppc.sqlite")
    metadata.create_all(database)
    yield StoredContexts(database)
    database.dispose()


def marked():
    """A call of a test caller: the target is busy."""
    return call(context(buyer("acme", target("acme-la")), flow=DIRECT, test_callers={CALLER}), acme_la="busy")


def watched(contexts, trace, wanted):
    """The lines that each fact makes."""
    watch = Watch(contexts, wanted, False)
    return [list(watch.take(CALL_ID, orjson.dumps(fact))) for fact in trace.facts]


def test_a_test_call_is_told_step_by_step_as_its_facts_come(contexts):
    first, *_, last = watched(contexts, marked(), wanted_by("", "", False))
    assert "offered: +13105550123 dials +18005550100" in " ".join(first)
    assert any("TEST CALL by its caller" in line for line in first)
    assert first[1].startswith("2fdc8c63    +0.0")
    assert last[-1].startswith("2fdc8c63  over: all_no_answer, ")
    assert last[-1].endswith("a test call: not billed, not counted")


def test_nothing_is_said_twice(contexts):
    lines = [line for part in watched(contexts, marked(), wanted_by("", "", False)) for line in part]
    assert sum("attributed:" in line for line in lines) == 1
    assert sum("outcome: all_no_answer" in line for line in lines) == 1


def test_live_calls_are_not_told_unless_asked_for(contexts):
    live = call_stories.capped_call()
    assert not any(watched(contexts, live, wanted_by("", "", False)))
    assert any(watched(contexts, live, wanted_by("", "", True)))
    assert any(watched(contexts, live, wanted_by(CALL_ID[:6].upper(), "", False)))
    assert any(watched(contexts, live, wanted_by("", "anonymous", False)))
    assert not any(watched(contexts, live, wanted_by("", CALLER, False)))


def test_a_call_that_dials_a_test_target_is_told_from_its_beginning(contexts):
    trace = call(context(buyer("acme", target("phone", test=True, concurrency_cap=1)), flow=DIRECT))
    before, *after = watched(contexts, trace, wanted_by("", "", False))
    dialled = next(lines for lines in after if lines)
    assert before == []
    assert "offered:" in dialled[1] and any("dial phone" in line for line in dialled)


def test_it_reads_the_journal_of_the_engine(tmp_path, monkeypatch, capsys):
    url = f"sqlite:///{tmp_path}/ppc.sqlite"
    metadata.create_all(open_database(url))
    config = tmp_path / "config"
    config.mkdir()
    (config / "engine.yaml").write_text(f"database_url: {url}\njournal_dir: {tmp_path}\n")
    facts = [orjson.dumps(fact) for fact in marked().facts]
    lines = [encode_line(number, CALL_ID, body) for number, body in enumerate([*facts, CLOSED], 1)]
    segment_path(tmp_path, 1).write_bytes(b"".join(lines[:-1]))
    monkeypatch.setenv("PPC_CONFIG", str(config))
    assert run(["call", "watch", "--calls", "1"]) == 0
    captured = capsys.readouterr()
    assert captured.out.rstrip().endswith("a test call: not billed, not counted")
    assert "note: candidates and what nodes saw are not known: revision r1 is not in this database" in captured.out
    assert run(["call", "watch", "--test", "--every"]) == 2
