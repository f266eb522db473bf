"""The manual of flow tests: its example passes, and it names every key that there is."""

import re
from pathlib import Path

from ppc_engine.cli.flow_stage import make_stage, names_of
from ppc_engine.rehearsal.cases import Expect, Given
from ppc_engine.rehearsal.expecting import differences
from ppc_engine.rehearsal.load_cases import load_cases
from tests.rehearsal.workshop import document

ROOT = Path(__file__).parents[2]
MANUAL = (ROOT / "docs/flow-tests.md").read_text()


def test_the_example_passes():
    stage = make_stage(ROOT / "config")
    example = re.search(r"```yaml\n(.*?)```", MANUAL, re.S)
    assert example is not None
    cases, issues = load_cases(document("roofing.test.yaml", example[1]), names_of(stage))
    assert cases is not None, issues
    for case in cases.tests:
        assert differences(case.expect, stage.play(cases.flow, case.name, case.given)) == []


def test_every_key_is_told():
    told = set(re.findall(r"`([a-z_]+)`", " ".join(line.split("|")[1] for line in MANUAL.splitlines() if "|" in line)))
    assert set(Given.model_fields) | set(Expect.model_fields) == told
