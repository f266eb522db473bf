"""Reads YAML as people mean it: every scalar stays text, and what could surprise is refused with its place.

Plain YAML turns ZIP 02134 into 1116, state NO into False, 9:30 into 570 and drops the plus of a telephone number;
a few hundred bytes of aliases unfold into gigabytes. So nothing is guessed here: types are the models' business.
Anchors, aliases, tags, merge keys, duplicate keys, second documents and oversized input are issues.

The parser's events are read one by one: PyYAML's ``compose`` recurses in C and ends the process on deep nesting.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from ppc_engine.catalog.issues import quoted
from ppc_engine.values.document import Document, Path
from ppc_engine.values.errors import Issue

FILE_BYTES_MAX = 1024 * 1024
DEPTH_MAX = 50
KEY_CHARS_MAX = 200
NODES_MAX = 100_000  # Two nodes for every line of a very large catalog file.
ISSUES_MAX = 50  # A file this wrong is best looked at as a whole.

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_OPENING = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
_CLOSING = (yaml.MappingEndEvent, yaml.SequenceEndEvent)


class _StopReading(Exception):
    """Nothing after this place can be trusted."""


@dataclass(slots=True)
class _Open:
    """A list or mapping that is being filled. ``key`` is the mapping's key whose value comes next."""

    path: Path
    data: Any
    keyed: bool
    key: str | None = None


@dataclass(slots=True)
class _Builder:
    """Makes a document out of parser events, and notes what is refused."""

    document: Document
    issues: list[Issue]
    places: dict[Path, tuple[int, int]]
    stack: list[_Open] = field(default_factory=list)
    nodes: int = 0
    root: Any = None

    def refuse(self, event: yaml.Event, message: str, path: Path | None = None) -> None:
        where = self.path() if path is None else path
        name = ".".join(str(part) for part in where)
        line, column = _line_column(event.start_mark)
        self.issues.append(Issue(file=self.document.file, line=line, column=column, path=name, message=message))
        if len(self.issues) >= ISSUES_MAX:
            raise _StopReading

    def path(self) -> Path:
        """Where the node that comes next stands."""
        if not self.stack:
            return ()
        top = self.stack[-1]
        if not top.keyed:
            return (*top.path, len(top.data))
        return top.path if top.key is None else (*top.path, top.key)

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):  # Most are: they come first.
            self.count(event)
            self.check_decoration(event)
            self.scalar(event, event.value)
        elif isinstance(event, _CLOSING):
            closed = self.stack.pop()
            self.attach(closed.data)
        elif isinstance(event, _OPENING):
            self.count(event)
            self.check_decoration(event)
            self.open(event)
        elif isinstance(event, yaml.AliasEvent):
            self.count(event)
            self.refuse(event, f"alias {quoted(f'*{event.anchor}')} is not allowed (write the value out)")
            self.scalar(event, "")

    def count(self, event: yaml.Event) -> None:
        self.nodes += 1
        if self.nodes > NODES_MAX:
            self.refuse(event, f"more than {NODES_MAX} keys and values in one file (split it)", ())
            raise _StopReading

    def check_decoration(self, event: Any) -> None:
        if event.anchor is not None:
            self.refuse(
                event, f"anchor {quoted(f'&{event.anchor}')} is not allowed (write the value out where it is needed)"
            )
        if event.tag is not None:
            self.refuse(event, f"tag {quoted(event.tag)} is not allowed (remove it; every value is read as text)")

    def open(self, event: yaml.Event) -> None:
        keyed = isinstance(event, yaml.MappingStartEvent)
        if self.stack and self.stack[-1].keyed and self.stack[-1].key is None:
            self.refuse(event, "a key must be plain text, not a list or a block (look for a stray ?, [ or {)")
            raise _StopReading
        if len(self.stack) >= DEPTH_MAX:
            self.refuse(event, f"nested deeper than {DEPTH_MAX} levels (flatten it)", ())
            raise _StopReading
        path = self.path()
        self.places.setdefault(path, _line_column(event.start_mark))
        self.stack.append(_Open(path, {} if keyed else [], keyed))

    def scalar(self, event: yaml.Event, text: str) -> None:
        top = self.stack[-1] if self.stack else None
        if top is not None and top.keyed and top.key is None:
            self.start_key(event, top, text)
        else:
            self.places.setdefault(self.path(), _line_column(event.start_mark))
            self.attach(text)

    def start_key(self, event: yaml.Event, top: _Open, key: str) -> None:
        if not key.isprintable() or len(key) > KEY_CHARS_MAX:
            self.refuse(
                event, f"a key must be one line of at most {KEY_CHARS_MAX} letters (look for a stray quote)", top.path
            )
            raise _StopReading
        path = (*top.path, key)
        if key == "<<":
            self.refuse(event, 'merge key "<<" is not allowed (write the keys out)', path)
        elif key in top.data:
            line, _ = self.places[path]
            self.refuse(event, f"key {quoted(key)} stands twice (first on line {line}; keep one)", path)
        self.places.setdefault(path, _line_column(event.start_mark))
        top.key = key

    def attach(self, value: Any) -> None:
        if not self.stack:
            self.root = value
            return
        top = self.stack[-1]
        if not top.keyed:
            top.data.append(value)
            return
        top.data.setdefault(top.key, value)
        top.key = None


def parse_yaml(file: str, content: bytes) -> tuple[Document | None, list[Issue]]:
    """The document of a file's bytes, or every problem found in it. Never raises for any content."""
    if len(content) > FILE_BYTES_MAX:
        return None, [Issue(file=file, message=f"larger than {FILE_BYTES_MAX} bytes (split it)")]
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        return None, [Issue(file=file, line=line, column=column, message="not UTF-8 text (save the file as UTF-8)")]
    places: dict[Path, tuple[int, int]] = {}
    builder = _Builder(Document(file, None, places), [], places)
    try:
        _feed(builder, _events(text))
    except _StopReading:
        pass
    except yaml.YAMLError as error:
        builder.issues.append(_syntax_issue(file, text, error))
    if builder.issues:
        return None, builder.issues
    if not isinstance(builder.root, dict):
        what = "is empty" if builder.root in (None, "") else "is not made of keys"
        return None, [Issue(file=file, line=1, column=1, message=f'the file {what} (write "key: value" lines)')]
    return Document(file, builder.root, places), []


def _events(text: str) -> Iterator[yaml.Event]:
    """What ``yaml.parse`` gives, without asking twice for every event: a large configuration has half a million."""
    loader = _LOADER(text)
    try:
        while (event := loader.get_event()) is not None:
            yield event
    finally:
        loader.dispose()


def _feed(builder: _Builder, events: Iterator[yaml.Event]) -> None:
    documents = 0
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                builder.refuse(event, 'a second document begins (keep one a file; remove the "---")', ())
                raise _StopReading
        builder.take(event)


def _line_column(mark: Any) -> tuple[int, int]:
    return mark.line + 1, mark.column + 1


def _syntax_issue(file: str, text: str, error: yaml.YAMLError) -> Issue:
    """A syntax error with its place, and the cure where the usual slip is known."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        said = ", ".join(part for part in (error.context, error.problem) if part)
        # What was never closed shows where it was opened; the parser noticed only at the end of the file.
        opened = error.context_mark if any(word in said for word in ("quoted", "flow", "simple key")) else None
        line, column = _line_column(opened or error.problem_mark)
        return Issue(file=file, line=line, column=column, message=f"not YAML: {said} ({_cure(said)})")
    position = min(int(getattr(error, "position", 0)), len(text))
    before = text[:position]
    line, column = before.count("\n") + 1, position - before.rfind("\n")
    return Issue(file=file, line=line, column=column, message="not YAML: a control character (remove it)")


def _cure(said: str) -> str:
    if "tab" in said.split():
        return "indent with spaces"
    if "cannot start any token" in said:
        return "indent with spaces, not tabs, and put quotes around text that begins with a special character"
    if "escape" in said:
        return "write the character itself, or use single quotes"
    if "mapping values are not allowed" in said:
        return 'put quotes around text with ": " in it, or correct the indentation'
    if "block end" in said or "expected key" in said or "expected ':'" in said or "simple key" in said:
        return "line the keys of one block up, each with its colon"
    if "flow" in said or "',' or" in said:
        return "close the bracket, and put commas between its entries"
    if "quoted scalar" in said:
        return "close the quotes"
    return "correct this line or the one above it"
