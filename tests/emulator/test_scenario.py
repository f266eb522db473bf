"""Scenario files: taken whole, or refused with every issue."""

import pytest

from ppc_engine.emulator.scenario import FILE_BYTES_MAX, load_scenario
from ppc_engine.values.errors import ConfigError

GOOD = """
callers:
  - id: ann
    number: "+1310555####"
    dials: [+18005550100, "+18005550101"]
    calls: 20
    every_ms: [500, 2500]
    keys:
      - {digits: "02134", after_ms: 1200}
    talk_ms: [20000, 90000]
    hang_up: {on: ringing, nth: 2, after_ms: [0, 3000]}
    headers: {X-Sub-ID: fb-77}
buyers:
  - id: acme
    gateway: carrier
    number: "+12135550110"
    capacity: 2
    behaviours:
      - {does: answer, weight: 7, rings_ms: [1000, 9000]}
      - {does: reject, status: 480}
prompts: {enter_zip: 2600}
"""


ALIASES = "".join(f"{name}: &{name} [{', '.join([f'*{chr(ord(name) - 1)}'] * 8)}]\n" for name in "bcdefgh")


def load(tmp_path, text):
    file = tmp_path / "scenario.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_scenario(file)


def issues(tmp_path, text):
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, text)
    return [str(issue).removeprefix(f"{tmp_path}/") for issue in refused.value.issues]


def test_a_good_file_is_taken_as_written(tmp_path):
    scenario = load(tmp_path, GOOD)
    caller = scenario.callers[0]
    assert caller.dials == ["+18005550100", "+18005550101"]
    assert caller.keys[0].digits == "02134"
    assert caller.every_ms == (500, 2500)
    assert caller.patience_ms == (120_000, 120_000)
    assert scenario.buyers[0].behaviours[1].status == 480
    assert "ppc" in scenario.dialplan


def test_every_issue_is_told_with_its_place(tmp_path):
    text = """callers:
  - id: Ann
    number: "+1310 555"
    dials: []
    talk: 5000
  - id: bob
    number: "+13105550124"
    dials: ["1"]
    every_ms: [100, 900]
    keys: [{digits: 12x}]
buyers:
  - {id: b, behaviours: [{does: dance}]}
  - {id: c, address: x@h:1, behaviours: [{does: busy, hangs_up_after_ms: 5}, {does: reject}, {does: busy, status: 486}]}
prompts: {ask: soon}
prompt_ms: -1
"""
    assert [told.partition(": ")[0] for told in issues(tmp_path, text)] == [
        "scenario.yaml:2:5",
        "scenario.yaml:3:5",
        "scenario.yaml:4:5",
        "scenario.yaml:5:5",
        "scenario.yaml:10:13",
        "scenario.yaml:12:27",
        "scenario.yaml:13:42",
        "scenario.yaml:13:78",
        "scenario.yaml:13:94",
        "scenario.yaml:14:11",
        "scenario.yaml:15:1",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("callers: [", "scenario.yaml:1:11: is not YAML"),
        ("a: 1\na: 2\n", 'scenario.yaml:2:1: "a" is written twice (keep one)'),
        (b"\xff", "scenario.yaml: is not UTF-8 (byte 0)"),
        ("[" * 300, "is not YAML"),
        (b"#" * (FILE_BYTES_MAX + 1), "scenario.yaml: more than"),
        ("- 1\n", "scenario.yaml:1:1:"),
        ("a: &a [1,1,1,1,1,1,1,1]\n" + ALIASES, "holds more than"),
        (GOOD.replace("rings_ms: [1000, 9000]", "rings_ms: [9000, 1000]"), "9000 is more than 1000"),
        (GOOD + "context: nowhere\n", 'the dialplan has no context "nowhere"'),
        (GOOD.replace("gateway: carrier", "address: a@b:1"), "give an address, or a gateway or number"),
        (GOOD + "dialplan: {ppc: [{name: x, when: {a: '('}, actions: []}]}\n", "is no regular expression"),
        (GOOD.replace("buyers:", "buyers:\n  - {id: acme, address: x@y:1, behaviours: [{does: busy}]}"), "called"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, text, said):
    assert said in "\n".join(issues(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load_scenario(tmp_path / "none.yaml")
