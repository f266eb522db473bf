"""``ppc check``: what an operator sees of a good configuration and of one with ten different mistakes."""

import json
import shutil
from pathlib import Path

import pytest

from ppc_engine.cli import run

EXAMPLE = Path(__file__).parents[1] / "data" / "config"  # A small network that stays as it is.


@pytest.fixture(scope="session")
def zip_cache(tmp_path_factory) -> Path:
    """Reading the ZIP data anew takes a second."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def config(tmp_path, monkeypatch, zip_cache) -> Path:
    shutil.copytree(EXAMPLE, tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(zip_cache))
    return Path("config")


def change(config: Path, file: str, old: str, new: str) -> None:
    text = (config / file).read_text()
    assert old in text
    (config / file).write_text(text.replace(old, new, 1))


def test_the_example_is_good(config, capsys):
    assert run(["check"]) == 0
    out, err = capsys.readouterr()
    assert (out[: out.index(", revision")], err) == (
        "good: 3 campaigns, 8 buyers, 22 targets, 5 publishers, 3 flows",
        "",
    )
    assert len(out.strip().rsplit(" ", 1)[1]) == 12


TEN_MISTAKES = """\
config/catalog/buyers/acme-roofing.yaml:9:5: targets.0.piority: unknown key "piority" (did you mean "priority"?)
config/catalog/buyers/cascade-roofing.yaml:13:16: targets.0.hours.monday.0: "9:30-20:00" is not a span of hours \
(write "09:00-17:30"; midnight is 24:00)
config/catalog/buyers/lonestar-roofing.yaml:12:19: targets.0.area.zips.0: no ZIP "75200" \
(correct its digits, or remove it)
config/catalog/buyers/pipedoctor.yaml:27:5: offers.0.amount: "$31.50" is not an amount \
(write 40 or 40.00, at most six decimals)
config/catalog/buyers/rapid-plumbing.yaml:20:5: targets.2.destination: a number is dialled through a gateway \
(add "gateway: NAME", as the switch calls it)
config/catalog/buyers/sunbelt-home.yaml:10:25: targets.0.area.states.1: no state or province "NO" \
(write its two capital letters: CA)
config/catalog/campaigns/roofing.yaml:8:5: targets.0: no target "acme-los" (did you mean "acme-la"?)
config/catalog/publishers/clickhive.yaml:5:1: zone: key "zone" stands twice (first on line 4; keep one)
config/engine.yaml:9:1: switch_port: "80210" is too high (at most 65535)
config/flows/roofing.yaml:27:13: nodes.ask_zip.exits.ok: no node "sel" (did you mean "sell"?)
10 problems; nothing was loaded.
"""


def test_ten_mistakes_are_ten_lines(config, capsys):
    change(config, "catalog/buyers/acme-roofing.yaml", "priority: 1", "piority: 1")
    change(config, "catalog/buyers/cascade-roofing.yaml", '"06:00-20:00"', '"9:30-20:00"')
    change(config, "catalog/buyers/lonestar-roofing.yaml", "75201", "75200")
    change(config, "catalog/buyers/sunbelt-home.yaml", "[FL, GA]", "[FL, NO]")
    change(config, "catalog/buyers/rapid-plumbing.yaml", "    gateway: carrier\n", "")
    change(config, "catalog/buyers/pipedoctor.yaml", '"31.50"', "$31.50")
    change(config, "catalog/campaigns/roofing.yaml", "acme-la", "acme-los")
    change(config, "catalog/publishers/clickhive.yaml", "concurrency_cap: 3", "zone: America/Denver")
    change(config, "flows/roofing.yaml", "ok: sell", "ok: sel")
    change(config, "engine.yaml", "switch_port: 8021", "switch_port: 80210")
    assert run(["check"]) == 1
    assert capsys.readouterr().out == TEN_MISTAKES


def test_problems_as_json_for_tools(config, capsys):
    change(config, "engine.yaml", "log_level: info", "log_level: loud")
    assert run(["check", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told == {
        "good": False,
        "issues": [
            {
                "file": "config/engine.yaml",
                "line": 17,
                "column": 1,
                "path": "log_level",
                "message": '"loud" is not "debug", "info", "warning" or "error"',
                "severity": "error",
            }
        ],
    }


def test_a_good_configuration_as_json(config, capsys):
    assert run(["check", "--json", "--config", "config"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["good"] and told["targets"] == 22 and len(told["revision"]) == 64 and told["issues"] == []


def test_a_warning_is_told_and_refuses_nothing(config, capsys, monkeypatch):
    monkeypatch.setenv("PPC_SWITCH_PASSWORD", "guessable")
    assert run(["check"]) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first == (
        "config/engine.yaml: warning: switch_password: shorter than 32 characters "
        "(choose a random one: openssl rand -hex 32)"
    )
    assert last.startswith("good: ")
    monkeypatch.setenv("PPC_SWITCH_PASSWORD", 32 * "x")
    assert run(["check"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_prompts_are_checked_when_the_switch_is_on_this_machine(config, capsys, monkeypatch, tmp_path):
    for prompt in ("welcome", "enter_zip", "bad_zip", "sorry_no_match", "closed"):
        (tmp_path / f"{prompt}.wav").touch()
    monkeypatch.setenv("PPC_PROMPTS_DIR", str(tmp_path))
    assert run(["check"]) == 1
    assert capsys.readouterr().out == (
        'config/flows/roofing.yaml:39:22: nodes.busy.prompt: no prompt "all_busy"\n'
        'config/flows/solar.yaml:38:22: nodes.busy.prompt: no prompt "all_busy"\n'
        "2 problems; nothing was loaded.\n"
    )


def test_no_such_directory_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["check", "--config", "confg"]) == 1
    assert capsys.readouterr().out == (
        "confg: no such directory (name the right one with --config)\n1 problem; nothing was loaded.\n"
    )


def test_help_shows_an_example(capsys):
    assert run(["check", "--help"]) == 0
    assert "ppc check --config config" in capsys.readouterr().out


MANY_MISTAKES = """\
config/catalog/buyers/acme-roofing.yaml:5:1: warning: concurrency_cap: never reached: its targets together take 5 at \
once (lower it to 5)
config/catalog/buyers/sunbelt-home.yaml:12:5: targets.1.destination: a number is dialled through a gateway \
(add "gateway: NAME", as the switch calls it)
config/catalog/publishers/clickhive.yaml:14:5: offers.1.amount: "clickhive" is paid 99.00 for a call of "solar", \
but nobody pays more than 72.00 (brightroof-solar); lower it
config/flows/plumbing.yaml:6:3: nodes.sell: a loop that takes neither time nor input: sell > sell \
(put a play, a question or a hangup into it)
config/flows/plumbing.yaml:17:3: warning: nodes.busy: no way leads to "busy" (lead an exit to it, or remove it)
config/flows/roofing.yaml:40:3: warning: nodes.lost: no way leads to "lost" (lead an exit to it, or remove it)
config/flows/solar.yaml:16:3: warning: nodes.by_state: reads tags.state, which is not set on the way \
answer > welcome > ask_zip > by_state (set it there, or ask has(tags.state))
config/flows/solar.yaml:22:7: warning: nodes.by_state.cases.desert: "texas" takes TX before this case does (keep one)
3 problems, 5 warnings; nothing was loaded.
"""


def make_many_mistakes(config: Path) -> None:
    change(config, "catalog/buyers/acme-roofing.yaml", "concurrency_cap: 4", "concurrency_cap: 9")
    change(config, "catalog/buyers/sunbelt-home.yaml", "    gateway: carrier\n", "")
    change(config, "catalog/publishers/clickhive.yaml", '"33.00"', '"99.00"')
    change(config, "flows/plumbing.yaml", "all_capped: busy", "all_capped: sell")
    lost = "  lost: {type: play, prompt: welcome, exits: {done: bye}}\n"
    change(config, "flows/roofing.yaml", "  bye: {type", f"{lost}  bye: {{type")
    change(config, "flows/solar.yaml", "zip_failed: sorry", "zip_failed: by_state")
    change(config, "flows/solar.yaml", "desert: [AZ, NV]", "desert: [AZ, NV, TX]")


def test_what_every_file_would_do_is_told_at_once_too(config, capsys):
    make_many_mistakes(config)
    assert run(["check"]) == 1
    assert capsys.readouterr().out == MANY_MISTAKES


def test_flow_check_tells_only_of_flows(config, capsys):
    make_many_mistakes(config)
    assert run(["flow", "check"]) == 1
    flows = [line for line in MANY_MISTAKES.splitlines() if line.startswith("config/flows/")]
    elsewhere = "2 problems elsewhere in the configuration (ppc check tells them)"
    assert capsys.readouterr().out.splitlines() == [*flows, elsewhere, "3 flows checked: 1 problem, 4 warnings"]
    assert run(["flow", "check", "roofing", "config/flows/solar.yaml"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "2 flows checked: 3 warnings"
    assert run(["flow", "check", "--json", "roofing"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["good"], told["flows"], told["problems_elsewhere"], len(told["issues"])) == (True, 1, 3, 1)
    assert run(["flow", "check", "rofing"]) == 1
    assert 'no flow "rofing" in config/flows (did you mean "roofing"?)' in capsys.readouterr().err


def test_a_good_flow(config, capsys):
    assert run(["flow", "check"]) == 0
    assert capsys.readouterr().out == "3 flows checked: good\n"


def test_prompts_of_another_directory(config, capsys, tmp_path):
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "welcome.wav").touch()
    assert run(["check", "--prompts", str(tmp_path / "prompts")]) == 1
    assert 'no prompt "enter_zip"' in capsys.readouterr().out


def test_targets_that_are_our_own_numbers_are_asked_of_the_database(config, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("PPC_DATABASE_URL", f"sqlite:///{tmp_path}/ppc.sqlite")
    assert run(["db", "upgrade"]) == 0
    assert run(["number", "assign", "+12135550110", "--campaign", "roofing", "--publisher", "radio-west"]) == 0
    assert run(["check"]) == 0
    capsys.readouterr()
    assert run(["check", "--numbers"]) == 1
    assert capsys.readouterr().out.startswith(
        "config/catalog/buyers/acme-roofing.yaml:14:5: targets.1.destination: "
        "+12135550110 is a tracking number of ours: calls would go in circles (dial the buyer's own)\n"
    )
