"""``ppc flow test``: plays the tests that stand beside the flows, in milliseconds, without a switch or a database."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from ppc_engine.cli import flow_test_report
from ppc_engine.cli.flow_stage import make_stage, names_of
from ppc_engine.cli.tables import make_console
from ppc_engine.rehearsal.cases import Case
from ppc_engine.rehearsal.coverage import Coverage, FlowCoverage, cover_all, total_percent
from ppc_engine.rehearsal.expecting import Difference, differences
from ppc_engine.rehearsal.load_cases import LoadedCases, Names, load_cases
from ppc_engine.rehearsal.playing import Stage
from ppc_engine.rehearsal.rehearse import Rehearsed
from ppc_engine.rehearsal.world import RehearsalError
from ppc_engine.storage.catalog_files import read_document
from ppc_engine.values.errors import BadValueError, ConfigError, Issue

PATTERN = "*.test.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one test went. ``error`` is what kept it from being played at all, "" for nothing."""

    file: str
    line: int
    flow: str
    case: Case
    ms: float
    differences: tuple[Difference, ...] = ()
    error: str = ""
    calls: tuple[Rehearsed, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.differences and not self.error


@click.command("test")
@click.argument("paths", nargs=-1, metavar="[PATHS]...")
@click.option(
    "--config", "config_dir", default="config", envvar="PPC_CONFIG", show_default=True,
    type=click.Path(path_type=Path), help="Configuration directory.",
)  # fmt: skip
@click.option("-k", "wanted", default="", help="Only tests whose name contains this.")
@click.option("-v", "--verbose", is_flag=True, help="Every test, and every step of calls that went wrong.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), help="Write a JUnit XML file too.")
@click.option(
    "--require-coverage",
    type=click.FloatRange(0, 100),
    help="Fail below this per cent of nodes and exits.",
)
@click.pass_context
def command(
    ctx: click.Context,
    paths: tuple[str, ...],
    config_dir: Path,
    wanted: str,
    verbose: bool,
    as_json: bool,
    junit: Path | None,
    require_coverage: float | None,
) -> None:
    """Play the flow tests beside the flows (flows/*.test.yaml) and say what is not as expected.

    PATHS are test files, directories or names of flows; none: all of the configuration. What decides is the code that
    decides live calls; docs/flow-tests.md tells what a test can say. Exit code 1 when a test fails.

    \b
    Examples:
      ppc flow test
      ppc flow test roofing -k capped -v
    """
    stage = make_stage(config_dir)
    names = names_of(stage)
    files = load_files(find_files(paths, config_dir), names)
    coverage = Coverage()
    results = [result for file in files for result in play_file(stage, file, coverage, wanted)]
    tested = {file.flow for file in files}
    covered = cover_all(names.flows, names.flows if not paths else tested, coverage)
    if as_json:
        flow_test_report.print_json(results, covered)
    else:
        flow_test_report.print_results(make_console(), results, covered, verbose=verbose)
    if junit is not None:
        flow_test_report.write_junit(junit, results)
    too_little = _too_little(covered, require_coverage)
    if too_little:
        click.echo(too_little, err=True)
    if too_little or any(not result.passed for result in results):
        ctx.exit(1)


def _too_little(covered: Sequence[FlowCoverage], required: float | None) -> str:
    percent = total_percent(covered)
    if required is None or percent >= required:
        return ""
    return f"{percent:.1f} % of nodes and exits are visited, {required:g} % are required"


def find_files(paths: Sequence[str], config_dir: Path) -> list[Path]:
    """The test files that these paths, or names of flows, mean. Raises BadValueError for one that means none."""
    flows = config_dir / "flows"
    if not paths:
        return sorted(flows.glob(PATTERN))
    found: list[Path] = []
    for text in paths:
        path = Path(text)
        named = flows / f"{text}.test.yaml"
        if path.is_dir():
            found += sorted(path.rglob(PATTERN))
        elif path.is_file():
            found.append(path)
        elif named.is_file():
            found.append(named)
        else:
            raise BadValueError(f'"{text}" is no test file, directory or flow with tests ({named} would be its file)')
    return list(dict.fromkeys(found))


def load_files(paths: Iterable[Path], names: Names) -> list[LoadedCases]:
    """Every file of tests. Raises ConfigError with every issue of all of them."""
    files: list[LoadedCases] = []
    issues: list[Issue] = []
    for path in paths:
        document, found = read_document(path)
        if document is not None:
            loaded, found = load_cases(document, names)
            files += [loaded] if loaded is not None else []
        issues += found
    if issues:
        raise ConfigError(issues)
    return files


def play_file(stage: Stage, file: LoadedCases, coverage: Coverage, wanted: str = "") -> Iterable[Result]:
    """Play the tests of a file whose name contains ``wanted``; what they visit is noted."""
    for index, case in enumerate(file.tests):
        if wanted.lower() not in case.name.lower():
            continue
        own = {"file": file.document.file, "line": file.line(index), "flow": file.flow, "case": case}
        began = time.perf_counter()
        try:
            calls = stage.play(file.flow, case.name, case.given)
        except RehearsalError as error:
            yield Result(**own, ms=_ms_since(began), error=str(error))
            continue
        except Exception as error:  # A bug of ours ends one test, as it ends one live call.
            yield Result(**own, ms=_ms_since(began), error=_bug(error))
            continue
        found = differences(case.expect, calls)
        for call in calls:
            coverage.add(file.flow, call.path)
        yield Result(**own, ms=_ms_since(began), differences=tuple(found), calls=tuple(calls))


def _bug(error: Exception) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    told = f"{type(error).__name__}: {error}".rstrip(": ")
    return f"a bug of the engine: {told} ({Path(place.filename).name}:{place.lineno}, {place.name})"


def _ms_since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
