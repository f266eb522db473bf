"""What freeswitch/ promises, as far as reading the files can tell; scripts/live proves the rest on a real switch."""

import re
import wave
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ppc_engine.storage.catalog_files import load_config

ROOT = Path(__file__).resolve().parents[2]
CONF = ROOT / "freeswitch" / "conf"
PROMPTS = ROOT / "freeswitch" / "prompts"
FILES = sorted([*CONF.rglob("*.xml"), *CONF.rglob("*.example")])
DIALPLAN = ElementTree.parse(CONF / "dialplan" / "ppc.xml")


def actions(extension: str) -> list[tuple[str, str]]:
    found = DIALPLAN.find(f".//extension[@name='{extension}']")
    assert found is not None, f"no extension {extension}"
    return [(action.get("application", ""), action.get("data", "")) for action in found.iter("action")]


def parameters(file: str) -> dict[str, str]:
    tree = ElementTree.parse(CONF / file)
    return {param.get("name", ""): param.get("value", "") for param in tree.iter("param")}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(CONF).as_posix())
def test_every_file_is_xml_that_the_preprocessor_reads_as_written(path: Path) -> None:
    text = path.read_text()
    ElementTree.fromstring(text)
    for line in text.splitlines():
        # The preprocessor drops a line with this tag whole, and takes the tag of a comment for a real one.
        assert line.strip() in ("<include>", "</include>") or not re.search(r"</?include>", line), line
        assert "X-PRE-PROCESS" not in line or line.strip().startswith("<X-PRE-PROCESS"), line


def test_every_setting_says_why() -> None:
    bare = []
    for path in FILES:
        explained = False
        for number, line in enumerate(path.read_text().splitlines(), 1):
            explained = bool(line.strip()) and (explained or "<!--" in line)  # Until the end of its paragraph.
            if re.search(r"<(param|action|load|node|map) ", line) and not explained:
                bare.append(f"{path.name}:{number}")
    assert not bare


def test_the_claim_arms_the_dead_mans_switch_before_it_parks() -> None:
    applications = actions("ppc_claim")
    assert [name for name, _ in applications] == ["ring_ready", "multiset", "sched_transfer", "park"]
    variables = dict(pair.split("=", 1) for pair in applications[1][1].split(" "))
    assert variables["ppc_dialed_number"] == "$1"
    assert variables["ppc_dialplan"] == "1"
    assert variables["execute_on_pre_bridge"] == "sched_cancel"
    assert variables["continue_on_fail"] == "true"
    assert variables["hangup_after_bridge"] == "true"
    assert variables["sip_copy_custom_headers"] == "false"
    assert set(variables["export_vars"].split(",")) <= set(variables)
    assert list(variables)[-1] == "app_disable_expand_variables"
    assert applications[2][1] == "+$${ppc_claim_s} ppc_fallback XML ppc"


def test_a_claimed_call_is_not_claimed_again_under_another_number() -> None:
    claim = DIALPLAN.find(".//extension[@name='ppc_claim']")
    assert claim is not None
    conditions = {condition.get("field"): condition.get("expression") for condition in claim.iter("condition")}
    assert conditions["${ppc_dialplan}"] == "^$"


def test_a_caller_who_came_back_is_never_dialled_again_by_the_dialplan() -> None:
    assert [name for name, _ in actions("ppc_reclaim")] == ["multiset", "sched_transfer", "park"]
    assert "ppc_reclaimed=true" in actions("ppc_reclaim")[0][1]
    backup = DIALPLAN.find(".//extension[@name='ppc_fallback_backup']")
    assert backup is not None
    conditions = {condition.get("field"): condition.get("expression") for condition in backup.iter("condition")}
    assert conditions["${ppc_reclaimed}"] == "^$"
    assert "bridge" not in dict(actions("ppc_fallback_apology"))


@pytest.mark.parametrize("extension", [e.get("name", "") for e in DIALPLAN.iter("extension")])
def test_a_stranger_cannot_dial_an_extension_of_ours(extension: str) -> None:
    found = DIALPLAN.find(f".//extension[@name='{extension}']")
    assert found is not None
    conditions = {condition.get("field"): condition.get("expression") for condition in found.iter("condition")}
    if (conditions.get("destination_number") or "").startswith("^ppc_"):
        assert conditions["${ppc_dialplan}"] == "^1$"


def test_only_trunks_call_and_only_this_machine_controls() -> None:
    profile = parameters("sip_profiles/trunks.xml")
    assert profile["apply-inbound-acl"] == "trunks"
    assert (profile["auth-calls"], profile["auth-calls-acl-only"]) == ("true", "true")
    assert (profile["disable-register"], profile["disable-transfer"]) == ("true", "true")
    assert (profile["inbound-bypass-media"], profile["inbound-proxy-media"]) == ("false", "false")
    socket = parameters("autoload_configs/event_socket.conf.xml")
    assert socket["listen-ip"] == "127.0.0.1"
    assert socket["password"] == "$${ppc_esl_password}"
    assert socket["stop-on-bind-error"] == "true"


def test_every_prompt_is_a_telephone_recording_and_every_flow_has_its_prompts() -> None:
    listed = {
        line.partition(":")[0]
        for line in (PROMPTS / "prompts.txt").read_text().splitlines()
        if line and not line.startswith("#")
    }
    assert {path.stem for path in PROMPTS.glob("*.wav")} == listed | {"hold_music"}  # The one that nobody speaks.
    for path in PROMPTS.glob("*.wav"):
        with wave.open(str(path)) as sound:
            assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (8_000, 1, 2), path.name
            assert 0.5 < sound.getnframes() / 8_000 < 10, path.name
    flows = load_config(ROOT / "config").flows.values()
    wanted = {prompt for flow in flows for node in flow.nodes.values() for prompt in node.prompt_names().values()}
    assert len(wanted) > 10
    assert wanted <= listed | {"hold_music"}
