"""Names in one file of the catalog that must exist in another: lists, prompts, buyers, publishers, targets.

All rules read raw documents, so that a file with one bad value still has its references checked.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator
from pathlib import PurePath

from ppc_engine.catalog.issues import quoted
from ppc_engine.catalog.rules import SUGGESTIONS_MAX, blocks, no_such, text, texts
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


def _zip_files(document: Document) -> Iterator[tuple[Path, str]]:
    for key in ("targets", "offers"):
        for path, block in blocks(document, key):
            area = block.get("area")
            if isinstance(area, dict) and text(area, "zips_file"):
                yield (*path, "area", "zips_file"), text(area, "zips_file")


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
