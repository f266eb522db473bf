"""``ppc flow test``: what passes, what differs and where, what no test visits; for people and for programs."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ppc_engine.cli import run
from tests.cli.rehearsed_calls import places_once
from tests.scenarios.small_network import write_config

GOOD = """
given: {time: 2026-11-23 10:00 UTC, number: "+18005550100", digits: {ask_zip: "90210"}}
tests:
  - name: sold to the first
    expect: {path: [hello, ask_zip.ok, sell], targets: [acme-la], billable: "40.00", payable: yes}
  - name: no ZIP
    given: {digits: {ask_zip: ""}}
    expect: {path: [..., ask_zip.zip_failed, bye], outcome: zip_failed}
"""
BAD = GOOD.replace("acme-la]", "acme-two]").replace('billable: "40.00"', "billable: no")


@pytest.fixture
def config(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ppc_engine.cli.flow_stage.load_places", places_once)
    write_config(tmp_path / "config")
    (tmp_path / "config/numbers.csv").write_text("number,campaign,publisher,test\n+18005550100,roofing,peak,false\n")
    (tmp_path / "config/flows/roofing.test.yaml").write_text(GOOD)
    return tmp_path / "config"


def test_good_tests_pass_and_the_rest_is_named(config, capsys):
    assert run(["flow", "test"]) == 0
    out = capsys.readouterr().out
    assert "ok config/flows/roofing.test.yaml: 2 of 2 passed" in out
    assert "roofing    4/4    3/9     54 %" in out
    assert "sell.no_match" in out and "ask_zip.ok" not in out
    assert "2 passed, 0 failed" in out


def test_a_difference_is_shown_with_its_place(config, capsys):
    (config / "flows/roofing.test.yaml").write_text(BAD)
    assert run(["flow", "test", "-v"]) == 1
    out = capsys.readouterr().out
    assert "FAILED sold to the first config/flows/roofing.test.yaml:4" in out
    assert "expected  acme-two\n      happened  acme-la answered" in out
    assert "expected  no\n      happened  yes, 40.00" in out
    assert "dial acme-la" in out  # -v tells every step
    assert "ok no ZIP" in out


def test_paths_that_part_are_shown_side_by_side(config, capsys):
    (config / "flows/roofing.test.yaml").write_text(GOOD.replace("hello, ask_zip.ok", "hello, ask_zip.zip_failed"))
    assert run(["flow", "test"]) == 1
    out = capsys.readouterr().out
    assert "path (left the expected one after hello.done)" in out
    (line,) = [line for line in out.splitlines() if "- ask_zip.zip_failed" in line]
    assert "+ ask_zip.ok" in line and "digits 90210" in line


def test_names_of_tests_and_flows_choose(config, capsys):
    assert run(["flow", "test", "roofing", "-k", "no zip"]) == 0
    assert "1 passed, 0 failed" in capsys.readouterr().out
    assert run(["flow", "test", "plumbing"]) == 1
    assert '"plumbing" is no test file, directory or flow with tests' in capsys.readouterr().err


def test_json_for_programs(config, capsys):
    (config / "flows/roofing.test.yaml").write_text(BAD)
    assert run(["flow", "test", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["passed"], told["failed"]) == (1, 1)
    bad = told["tests"][0]
    assert (bad["name"], bad["line"], bad["passed"]) == ("sold to the first", 4, False)
    assert [difference["what"] for difference in bad["differences"]] == ["targets tried", "billable"]
    assert told["coverage"][0]["exits_missed"][0] == "sell.all_capped"


def test_junit_for_build_servers(config, capsys):
    (config / "flows/roofing.test.yaml").write_text(BAD)
    assert run(["flow", "test", "--junit", "out.xml"]) == 1
    (suite,) = ElementTree.parse("out.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    failure = suite[0].find("failure")
    assert failure is not None and failure.get("message") == (
        "targets tried: expected acme-two, happened acme-la answered"
    )
    assert suite[1].find("failure") is None
    assert run(["flow", "test", "--junit", "nowhere/out.xml"]) == 3
    assert "nowhere/out.xml cannot be written" in capsys.readouterr().err


def test_too_little_coverage_fails(config, capsys):
    assert run(["flow", "test", "--require-coverage", "50"]) == 0
    assert run(["flow", "test", "--require-coverage", "90"]) == 1
    assert "53.8 % of nodes and exits are visited, 90 % are required" in capsys.readouterr().err


def test_mistakes_of_test_files_are_told_all_at_once(config, capsys):
    (config / "flows/roofing.test.yaml").write_text(GOOD.replace("acme-la", "acme-le").replace("ask_zip: ", "ask_zp: "))
    assert run(["flow", "test"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[1] for line in lines[:3]] == [
        "given.digits.ask_zp", "tests.0.expect.targets.0", "tests.1.given.digits.ask_zp",
    ]  # fmt: skip
    assert '(did you mean "acme-la"?)' in lines[1]


def test_a_bug_ends_one_test_and_is_named(config, capsys, monkeypatch):
    monkeypatch.setattr("ppc_engine.calls.call.Call._on_offered", lambda self, event: 1 / 0)
    assert run(["flow", "test"]) == 1
    out = capsys.readouterr().out
    assert out.count("a bug of the engine: ZeroDivisionError") == 2
    assert "0 passed, 2 failed" in out
