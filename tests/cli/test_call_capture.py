"""``ppc call capture``: what comes out passes ``ppc flow test`` unchanged, and tells what a change of yours broke."""

from pathlib import Path

import pytest

from ppc_engine.cli import run
from ppc_engine.storage.database import open_database
from ppc_engine.storage.migrate import upgrade
from tests.cli.rehearsed_calls import call, places_once, store, stored_context
from tests.scenarios.small_network import write_config


@pytest.fixture
def config(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PPC_DATABASE_URL", f"sqlite:///{tmp_path}/ppc.sqlite")
    for module in ("flow_stage", "call_capture"):
        monkeypatch.setattr(f"ppc_engine.cli.{module}.load_places", places_once)
    return write_config(tmp_path / "config")


@pytest.fixture
def stored(config, tmp_path):
    database = open_database(f"sqlite:///{tmp_path}/ppc.sqlite")
    upgrade(database)
    context = stored_context(database, config)
    store(
        database,
        call(context, call_id="aaaa1111-0000-4000-8000-000000000001", acme_la="busy"),
        call(context, call_id="bbbb2222-0000-4000-8000-000000000002", zip_code="9"),
    )
    database.dispose()


def test_a_captured_call_passes_unchanged(config, stored, capsys):
    assert run(["call", "capture", "aaaa"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "caller: '+131055501" in out and "+13105550123" not in out
    (config / "flows/roofing.test.yaml").write_text(out)
    assert run(["flow", "test"]) == 0
    assert "1 passed, 0 failed" in capsys.readouterr().out


def test_captured_calls_are_added_to_the_file_as_it_is(config, stored, capsys):
    assert run(["call", "capture", "aaaa", "--append"]) == 0
    file = config / "flows/roofing.test.yaml"
    before = "# Ours.\n" + file.read_text()
    file.write_text(before)
    assert run(["call", "capture", "bbbb", "--append", "--keep-caller"]) == 0
    assert file.read_text().startswith(before.rstrip())
    assert "+13105550123" in file.read_text()
    assert run(["flow", "test"]) == 0
    assert "2 passed, 0 failed" in capsys.readouterr().out
    assert run(["call", "capture", "bbbb", "--append"]) == 1  # it is there already
    assert "a second test" in capsys.readouterr().err


def test_a_change_that_sends_the_call_elsewhere_is_told(config, stored, capsys):
    buyer = config / "catalog/buyers/acme.yaml"
    buyer.write_text(buyer.read_text().replace("priority: 2", "priority: 2, paused: true"))
    assert run(["call", "capture", "aaaa"]) == 0
    out, err = capsys.readouterr()
    assert "acme-two: answered" in out
    assert "targets tried: then acme-la busy, acme-two answered, now acme-la busy" in err
    assert "under the present configuration this call goes another way" in err
    assert run(["call", "capture", "bbbb"]) == 0
    assert capsys.readouterr().err == ""


def test_a_configuration_that_is_not_good_does_not_hinder(config, stored, capsys):
    (config / "catalog/campaigns/roofing.yaml").write_text("id: roofing\n")
    assert run(["call", "capture", "aaaa"]) == 0
    assert "the present configuration is not good" in capsys.readouterr().err


def test_a_call_that_does_not_happen_again_is_not_handed_out(config, stored, capsys, monkeypatch):
    monkeypatch.setattr("ppc_engine.rehearsal.capturing._phones", lambda attempts, told: {})
    assert run(["call", "capture", "aaaa"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "targets tried: then acme-la busy, acme-two answered, now acme-la answered" in err
    assert "does not happen again as it did" in err


def test_an_unknown_call_is_one_clear_line(config, stored, capsys):
    assert run(["call", "capture", "cccc"]) == 1
    assert capsys.readouterr().err == 'ppc: no finished call begins with "cccc" (ppc call list shows them)\n'
