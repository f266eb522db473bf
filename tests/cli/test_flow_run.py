"""``ppc flow run``: a person at the terminal is the caller, and every buyer."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from ppc_engine.cli import ppc, run
from ppc_engine.cli.flow_people import TerminalPeople, found_of, parse_phone
from ppc_engine.rehearsal.people import Found, Phone
from ppc_engine.storage import numbers
from ppc_engine.storage.database import open_database
from tests.cli.rehearsed_calls import places_once
from tests.scenarios.small_network import prepare_database, write_config


@pytest.fixture
def config(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ppc_engine.cli.flow_stage.load_places", places_once)
    monkeypatch.setenv("PPC_DATABASE_URL", f"sqlite:///{tmp_path}/ppc.sqlite")
    return write_config(tmp_path / "config")


def play(*arguments, typed=""):
    done = CliRunner().invoke(ppc, ["flow", "run", *arguments], input=typed)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.output


def test_one_is_asked_for_keys_and_telephones(config):
    told = play("roofing", typed="12\n90210\nbusy\nanswer 45\n")
    assert "the caller hears, and is asked to key: enter_zip" in told
    assert "acme-la rings" in told and "acme-two rings" in told
    assert "attempt 1 is over: busy" in told
    assert "connected 45.000 s" in told
    assert "money (version 1): revenue 40.00, payout 25.00, margin 15.00" in told


def test_what_is_not_understood_is_asked_again(config):
    told = play("roofing", "--brief", typed="9o21o\n90210\nshout\nanswer 9 caller\n")
    assert "only 0-9, *, # and the pauses" in told
    assert "outcome: connected" in told
    assert "money" not in told


def test_one_may_hang_up_at_any_question(config):
    assert "outcome: abandoned_in_ivr" in play("roofing", typed="h\n")
    assert "outcome: abandoned_ringing" in play("roofing", typed="90210\nhang up\n")
    assert "outcome: abandoned_in_ivr" in play("roofing", typed="")  # the end of input


def test_what_is_given_is_not_asked_for(config):
    told = play("roofing", "--zip", "90210", "--buyer", "acme-la=no_answer", "--buyer", "*=answer 60", "--caller",
                "anonymous", "--time", "2026-11-23 10:00 America/New_York", "--no-input")  # fmt: skip
    assert "offered 2026-11-23 15:00:00.000 UTC" in told
    assert "anonymous dials +18005550100: campaign roofing, publisher peak" in told
    assert "connected 60.000 s" in told


def test_another_seed_is_another_call(config):
    first, second = (play("roofing", "--no-input", "--seed", seed) for seed in "12")
    assert first.split("call ")[1][:36] != second.split("call ")[1][:36]


def test_a_number_leads_to_its_flow(config, tmp_path):
    prepare_database(tmp_path)
    database = open_database(f"sqlite:///{tmp_path}/ppc.sqlite")
    assert numbers.load_all(database)
    database.dispose()
    assert "dials +18005550100: campaign roofing, publisher peak" in play("8005550100", "--no-input")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["roofin"], 'no flow "roofin" (did you mean "roofing"?)'),
        (["roofing", "--buyer", "acme-la"], 'has no "="'),
        (["roofing", "--buyer", "acme=busy"], 'no target "acme"'),
        (["roofing", "--buyer", "acme-la=sing"], '"sing" of --buyer'),
        (["roofing", "--time", "noon"], "is not a time with its zone"),
        (["roofing", "--in-use", "target:acme-la=many"], '"many" is not a count'),
        (["roofing", "--in-use", "target:acme-la/connect/day=1"], "no cap"),
        (["roofing", "--campaign", "roof"], "which campaign?"),
    ],
)
def test_a_slip_is_one_clear_line(config, capsys, arguments, told):
    assert run(["flow", "run", *arguments, "--no-input"]) == 1
    err = capsys.readouterr().err
    assert told in err and err.count("\n") == 1


def test_a_telephone_in_words():
    assert parse_phone("Answer 20 caller") == Phone(does="answer", talks_ms=20_000, hangs_up="caller")
    assert parse_phone("busy") == Phone(does="busy")
    for wrong in ("answer 20 30", "busy 5", "answer 20 nobody"):
        with pytest.raises(ValueError, match="not understood"):
            parse_phone(wrong)


def test_a_server_is_played_by_whoever_sits_there():
    assert found_of('{"result": {"score": 7}}').data == {"result": {"score": 7}}
    assert found_of("refused").status == "refused"
    for wrong in ("7", "{7", "nothing"):
        with pytest.raises(ValueError, match="JSON"):
            found_of(wrong)
    people = TerminalPeople(lambda text: None, digits={}, phones={}, ask=False)
    assert people.looked_up("enrich", "http", {}) == Found(status="timeout")
    assert people.looked_up("known", "history", {}) == Found(data={"calls": 0}, after_ms=0)
