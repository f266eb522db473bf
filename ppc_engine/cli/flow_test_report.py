"""How ``ppc flow test`` tells its results: to a person, to a program (JSON), to a build server (JUnit XML)."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import click
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ppc_engine.cli import call_text
from ppc_engine.cli.call_steps import build_steps
from ppc_engine.rehearsal.coverage import FlowCoverage, total_percent
from ppc_engine.rehearsal.expecting import Difference, Row
from ppc_engine.values.errors import OutsideError

if TYPE_CHECKING:
    from ppc_engine.cli.flow_test import Result

MISSED_SHOWN = 12
WHY_SHOWN = 12


def print_results(
    console: Console, results: Sequence[Result], covered: Sequence[FlowCoverage], *, verbose: bool
) -> None:
    """Tests that failed with all their differences, then what no test visits, then the sums."""
    for file, own in groupby(results, key=lambda result: result.file):
        tests = list(own)
        failed = [test for test in tests if not test.passed]
        mark = "[red]x[/]" if failed else "[green]ok[/]"
        console.print(f"{mark} {escape(file)}: {len(tests) - len(failed)} of {len(tests)} passed")
        for test in tests if verbose else failed:
            _print_test(console, test, verbose=verbose)
    _print_coverage(console, covered)
    failed_n = sum(not result.passed for result in results)
    total_ms = sum(result.ms for result in results)
    told = f"{len(results) - failed_n} passed, {failed_n} failed in {total_ms / 1000:.2f} s"
    calls = sum(len(result.calls) for result in results)
    each = f" ({calls} calls, {total_ms / calls:.1f} ms a call)" if calls else ""
    console.print(f"[{'red' if failed_n else 'green'}]{told}[/]{each}; {total_percent(covered):.0f} % visited")


def _print_test(console: Console, test: Result, *, verbose: bool) -> None:
    name = escape(test.case.name)
    if test.passed:
        console.print(f"  [green]ok[/] {name} [dim]{test.ms:.1f} ms[/]")
        return
    console.print(f"  [red]FAILED[/] [bold]{name}[/] [dim]{escape(test.file)}:{test.line}[/]")
    if test.error:
        console.print(f"    {escape(test.error)}")
    told: tuple[str, ...] = ()
    for difference in test.differences:
        _print_difference(console, difference, difference.why if difference.why != told else ())
        told = difference.why or told
    if verbose and test.calls:
        call = test.calls[max((difference.call for difference in test.differences), default=1) - 1]
        for line in call_text.step_lines(build_steps(call.facts), call.cdr.offered_at):
            console.print(f"      [dim]{escape(line)}[/]")


def _print_difference(console: Console, difference: Difference, reasons: Sequence[str]) -> None:
    nth = f" [dim](call {difference.call})[/]" if difference.call > 1 else ""
    console.print(f"    [bold]{escape(difference.what)}[/]{nth}")
    if difference.rows:
        console.print(Padding(_side_by_side(difference.rows), (0, 0, 0, 6)))
    else:
        console.print(f"      expected  [green]{escape(difference.expected)}[/]")
        console.print(f"      happened  [red]{escape(difference.happened)}[/]")
    for line in reasons[:WHY_SHOWN]:
        console.print(f"      [dim]{escape(line)}[/]")
    if len(reasons) > WHY_SHOWN:
        console.print(f"      [dim]and {len(reasons) - WHY_SHOWN} more[/]")


def _side_by_side(rows: Iterable[Row]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("expected", "happened", "why"):
        table.add_column(title, overflow="fold")
    for row in rows:
        style = "" if row.same else "green" if row.expected and not row.happened else "red"
        left = Text(f"- {row.expected}" if row.expected and not row.same else f"  {row.expected}", style=style)
        right = Text(f"+ {row.happened}" if row.happened and not row.same else f"  {row.happened}", style=style)
        table.add_row(left, right, Text(row.why, style="dim"))
    return table


def _print_coverage(console: Console, covered: Sequence[FlowCoverage]) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title, justify in (("flow", "left"), ("nodes", "right"), ("exits", "right"), ("visited", "right")):
        table.add_column(title, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    table.add_column("no test visits", overflow="fold")
    for flow in covered:
        missed = _missed(flow)
        shown = ", ".join(missed[:MISSED_SHOWN])
        more = f" and {len(missed) - MISSED_SHOWN} more" if len(missed) > MISSED_SHOWN else ""
        table.add_row(
            flow.flow,
            f"{flow.nodes - len(flow.nodes_missed)}/{flow.nodes}",
            f"{flow.exits - len(flow.exits_missed)}/{flow.exits}",
            f"{flow.percent:.0f} %",
            Text(shown + more, style="yellow"),
        )
    console.print(table)


def _missed(flow: FlowCoverage) -> list[str]:
    """Nodes, and exits of nodes that are visited: those of others go without saying."""
    unvisited = set(flow.nodes_missed)
    return [*flow.nodes_missed, *(name for name in flow.exits_missed if name.partition(".")[0] not in unvisited)]


def print_json(results: Sequence[Result], covered: Sequence[FlowCoverage]) -> None:
    """One object: every test, and what no test visits."""
    click.echo(
        json.dumps(
            {
                "passed": sum(result.passed for result in results),
                "failed": sum(not result.passed for result in results),
                "percent_visited": round(total_percent(covered), 1),
                "tests": [_plain(result) for result in results],
                "coverage": [{**dataclasses.asdict(flow), "percent": round(flow.percent, 1)} for flow in covered],
            }
        )
    )


def _plain(result: Result) -> dict[str, Any]:
    return {
        "file": result.file,
        "line": result.line,
        "flow": result.flow,
        "name": result.case.name,
        "passed": result.passed,
        "ms": round(result.ms, 3),
        "error": result.error,
        "differences": [dataclasses.asdict(difference) for difference in result.differences],
    }


def write_junit(path: Path, results: Sequence[Result]) -> None:
    """The results as build servers read them. Raises OutsideError when the file cannot be written."""
    root = ElementTree.Element("testsuites")
    for file, own in groupby(results, key=lambda result: result.file):
        tests = list(own)
        failures = sum(not test.passed for test in tests)
        seconds = f"{sum(test.ms for test in tests) / 1000:.4f}"
        suite = ElementTree.SubElement(
            root, "testsuite", name=file, tests=str(len(tests)), failures=str(failures), errors="0", time=seconds
        )
        for test in tests:
            case = ElementTree.SubElement(
                suite, "testcase", classname=test.flow, name=test.case.name, file=file, line=str(test.line),
                time=f"{test.ms / 1000:.4f}",
            )  # fmt: skip
            if not test.passed:
                lines = [_one_line(difference) for difference in test.differences] or [test.error]
                failure = ElementTree.SubElement(case, "failure", message=_xml(lines[0]))
                failure.text = _xml("\n".join([*lines, *(why for d in test.differences for why in d.why)]))
    try:
        ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        raise OutsideError(f"{path} cannot be written: {error.strerror}") from None


def _one_line(difference: Difference) -> str:
    return f"{difference.what}: expected {difference.expected}, happened {difference.happened}"


def _xml(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return "".join(char for char in text if char.isprintable() or char in "\n\t")
