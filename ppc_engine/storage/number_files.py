"""A CSV file of tracking numbers: every line good, or every problem of it named."""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from ppc_engine.catalog.issues import did_you_mean
from ppc_engine.catalog.model import TrackingNumber
from ppc_engine.values.errors import Issue, OutsideError
from ppc_engine.values.phone import normalise

COLUMNS = ("number", "campaign", "publisher", "test")
COLUMNS_TOLD = "the first line must name the columns number,campaign,publisher,test (test may be left out)"
WORDS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False, "": False}
FILE_BYTES_MAX = 100 << 20
PORTION = 1_000  # Lines between two steps of a progress bar.


@dataclass(frozen=True, slots=True)
class _Line:
    """Cells by column name, and where each begins: counted from 1, exact unless cells are quoted."""

    file: str
    line: int
    cells: dict[str, str]
    begins: dict[str, int]

    def issue(self, column: str, message: str) -> Issue:
        return Issue(file=self.file, line=self.line, column=self.begins[column], path=column, message=message)


def read_numbers(
    path: Path,
    campaigns: Collection[str],
    publishers: Collection[str],
    progress: Callable[[int, int], None] | None = None,
) -> tuple[dict[str, TrackingNumber], dict[str, int], list[Issue]]:
    """The good numbers of a file, the line that each stands on, and an issue for everything that is wrong.

    ``progress`` is told (lines done, lines in all). Raises OutsideError when the file cannot be read.
    """
    issues: list[Issue] = []
    lines = list(_read_lines(path, issues))
    numbers: dict[str, TrackingNumber] = {}
    places: dict[str, int] = {}
    for done, line in enumerate(lines, 1):
        number = _parse(line, campaigns, publishers, issues)
        if number is not None and number.number in numbers:
            issues.append(line.issue("number", f"{number.number} is on line {places[number.number]} already"))
        elif number is not None:
            numbers[number.number] = number
            places[number.number] = line.line
        if progress and done % PORTION == 0:
            progress(done, len(lines))
    return numbers, places, issues


def _parse(
    line: _Line, campaigns: Collection[str], publishers: Collection[str], issues: list[Issue]
) -> TrackingNumber | None:
    """One number, or None and every problem of its line among the issues."""
    cells, before = line.cells, len(issues)
    number = normalise(cells["number"])
    if not number:
        issues.append(line.issue("number", f'"{cells["number"]}" is not a telephone number (write +18005550100)'))
    for name, known in (("campaign", campaigns), ("publisher", publishers)):
        if cells[name] not in known:
            near = did_you_mean(cells[name], known)
            issues.append(line.issue(name, f'no {name} "{cells[name]}" in the catalog{near}'))
    test = WORDS.get(cells.get("test", "").lower())
    if test is None:
        issues.append(line.issue("test", f'"{cells["test"]}" is neither yes nor no'))
    if len(issues) > before or test is None:
        return None
    return TrackingNumber(number=number, campaign=cells["campaign"], publisher=cells["publisher"], test=test)


def _read_lines(path: Path, issues: list[Issue]) -> Iterator[_Line]:
    """Every line that holds something and has the cells that the first line promises."""
    file = str(path)
    reader = csv.reader(_read_text(path, issues).splitlines(keepends=True), strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if not set(COLUMNS[:3]) <= set(header) <= set(COLUMNS) or len(set(header)) != len(header):
            if not issues:
                issues.append(Issue(file=file, line=1, column=1, message=COLUMNS_TOLD))
            return
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                message = f"{len(cells)} cells, but the first line names {len(header)} columns"
                issues.append(Issue(file=file, line=reader.line_num, column=1, message=message))
                continue
            begins = {name: 1 + sum(len(cell) + 1 for cell in cells[:place]) for place, name in enumerate(header)}
            named = dict(zip(header, (cell.strip() for cell in cells), strict=True))
            yield _Line(file, reader.line_num, named, begins)
    except csv.Error as error:
        issues.append(Issue(file=file, line=reader.line_num, column=1, message=f"not CSV: {error}"))


def _read_text(path: Path, issues: list[Issue]) -> str:
    """The text of a file; "" and an issue when it is none."""
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise OutsideError(f"{path}: {error.strerror}") from None
    if len(data) > FILE_BYTES_MAX:
        issues.append(Issue(file=str(path), message=f"larger than {FILE_BYTES_MAX >> 20} MiB (split it)"))
        return ""
    try:
        return data.decode("utf-8-sig")  # Spreadsheets put a byte order mark in front.
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        issues.append(Issue(file=str(path), line=line, column=1, message="not UTF-8 text (save it as such)"))
        return ""
