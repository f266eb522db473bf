"""The manuals say what is: links lead somewhere, and metrics, settings and commands are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ppc_engine import cli
from ppc_engine.settings import FILE_KEYS, Settings
from ppc_engine.telemetry.metrics import GAUGES, Metrics

ROOT = Path(__file__).parent.parent
FOLDERS = ("", "docs", "docs/decisions", "freeswitch")
PAGES = sorted(page.relative_to(ROOT).as_posix() for folder in FOLDERS for page in (ROOT / folder).glob("*.md"))
OPERATIONS = (ROOT / "docs/ops.md").read_text()
_LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#]+)(?:#[^)]*)?\)")


def section(title: str) -> str:
    return OPERATIONS.split(f"\n## {title}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    links = _LINK.findall((ROOT / page).read_text())
    assert [link for link in links if not ((ROOT / page).parent / link).exists()] == []


def test_the_readme_opens_with_the_two_commands():
    opening = (ROOT / "README.md").read_text().split("```")[1]
    assert [line.split()[0] for line in opening.strip().splitlines()] == ["scripts/demo", "scripts/test"]


def test_the_readme_lists_the_commands_that_there_are():
    table = (ROOT / "README.md").read_text().split("## Command line")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `ppc ([a-z]+)", table, re.M)) == set(cli.COMMANDS)


def test_every_metric_is_in_the_manual_and_none_besides():
    metrics = Metrics()
    metrics.watch_leases(dict)
    for gauge in GAUGES:
        metrics.watch(gauge, lambda: 0)
    there = {family.name for family in metrics.families()}
    told = set(re.findall(r"`(ppc_[a-z_]+)", section("Metrics")))
    assert {name.removesuffix("_total").removesuffix("_info") for name in told} == there


def test_alarms_name_metrics_that_there_are():
    names = set(re.findall(r"ppc_[a-z_]+", section("Alarms")))
    told = set(re.findall(r"`(ppc_[a-z_]+)", section("Metrics")))
    assert {name.removesuffix("_bucket") for name in names} <= told


def test_every_setting_is_in_the_manual_and_none_besides():
    rows = [line.split("|")[1] for line in section("Settings").splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`([a-z_]+)`", " ".join(rows))) == set(Settings.model_fields) | set(FILE_KEYS)
