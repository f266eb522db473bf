"""Names in one file of the catalog that must exist in another: lists, prompts, buyers, publishers, targets.

All rules read raw documents, so that a file with one bad value still has its references checked.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator
from pathlib import PurePath
from typing import Any

from ppc_engine.catalog.issues import quoted
from ppc_engine.catalog.rules import SUGGESTIONS_MAX, blocks, no_such, text, texts
from ppc_engine.values.caller_lists import entry_problem
from ppc_engine.values.document import Document, Path
from ppc_engine.values.errors import Issue

BAD_LINES_MAX = 20  # Of one list: a list of something else altogether is told soon enough.
ZIP_DIGITS = 5


def names(document: Document, key: str, what: str, choices: Collection[str] | None) -> Iterator[Issue]:
    """Every name in a list at the top of a file exists, and stands once. None: not known now, so not checked."""
    seen: set[str] = set()
    unknown = 0
    for index, name in enumerate(texts(document.data, key)):
        if name and choices is not None and name not in choices:
            unknown += 1
            yield document.issue((key, index), no_such(what, name, choices if unknown <= SUGGESTIONS_MAX else ()))
        elif name and name in seen:
            yield document.issue((key, index), f"{what} {quoted(name)} is named twice (keep one)")
        seen.add(name)


def target_prompts(document: Document, prompts: Collection[str] | None) -> Iterator[Issue]:
    """What a target is whispered, or asked to accept by, is a prompt that exists."""
    if prompts is None:
        return
    for path, block in blocks(document, "targets"):
        accept = block.get("accept")
        asked = text(accept, "prompt") if isinstance(accept, dict) else ""
        for place, word in (((*path, "whisper"), text(block, "whisper")), ((*path, "accept", "prompt"), asked)):
            if word and word not in prompts:
                yield document.issue(place, no_such("prompt", word, prompts))


def zip_lists(
    accounts: Iterable[Document],
    lists: Iterable[Document],
    unread: Collection[str],
    known_zips: Container[str] | None,
) -> Iterator[Issue]:
    """Lists that areas name exist and hold ZIPs, each of which exists; a bad line is told at its own place."""
    by_name = {f"lists/{PurePath(document.file).name}": document for document in lists}
    used: dict[str, Document] = {}
    for document in accounts:
        for path, name in _zip_files(document):
            if name in by_name:
                used[name] = by_name[name]
            elif PurePath(name).stem not in unread:
                yield document.issue(path, no_such("list", name, by_name))
    for listed in used.values():
        yield from _bad_zips(listed, known_zips)


def caller_lists(document: Document, lists: Iterable[Document], unread: Collection[str]) -> Iterator[Issue]:
    """Lists of callers that terms name exist, and hold callers."""
    by_name = {f"lists/{PurePath(listed.file).name}": listed for listed in lists}
    for path, block in _under(document.data, "caller_list", ()):
        name = text(block, "name") if isinstance(block, dict) else ""
        if name and name not in by_name and PurePath(name).stem not in unread:
            yield document.issue((*path, "name"), no_such("list", name, by_name))
        bad = [
            index for index, entry in enumerate(by_name[name].data if name in by_name else ()) if entry_problem(entry)
        ]
        for index in bad[:BAD_LINES_MAX]:
            line, column = by_name[name].places.get((index,), (0, 0))
            wrong = entry_problem(by_name[name].data[index])
            yield Issue(file=by_name[name].file, line=line, column=column, message=wrong)


def _zip_files(document: Document) -> Iterator[tuple[Path, str]]:
    for path, name in _under(document.data, "zips_file", ()):
        if isinstance(name, str) and name:
            yield path, name


def _under(data: Any, key: str, path: Path) -> Iterator[tuple[Path, Any]]:
    """Everything that stands under a key, wherever in a file: terms may nest."""
    if isinstance(data, dict):
        for name, inner in data.items():
            if name == key:
                yield (*path, name), inner
            yield from _under(inner, key, (*path, name))
    elif isinstance(data, list):
        for index, inner in enumerate(data):
            yield from _under(inner, key, (*path, index))


def _bad_zips(listed: Document, known_zips: Container[str] | None) -> Iterator[Issue]:
    bad = 0
    for index, code in enumerate(listed.data):
        if len(code) != ZIP_DIGITS or not (code.isascii() and code.isdigit()):
            message = f"{quoted(code)} is not a ZIP (write its five digits, with leading zeros: 02134)"
        elif known_zips is not None and code not in known_zips:
            message = f"no ZIP {quoted(code)} (correct its digits, or remove it)"
        else:
            continue
        bad += 1
        if bad > BAD_LINES_MAX:
            yield listed.issue((index,), "and more lines that are no ZIP (is this the right list?)")
            return
        line, column = listed.places.get((index,), (0, 0))
        yield Issue(file=listed.file, line=line, column=column, message=message)
