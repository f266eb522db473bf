"""A document -> a file of flow tests, or every issue in it: a name that does not exist is told with the nearest."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath

import pydantic

from ppc_engine.catalog.issues import did_you_mean, quoted, validation_issues
from ppc_engine.catalog.model import Catalog, TrackingNumber
from ppc_engine.flows.model import Flow
from ppc_engine.flows.nodes.returning import ReturnNode
from ppc_engine.rehearsal.cases import ANYTHING, Case, CaseFile, Given
from ppc_engine.rehearsal.counters import amount_of, counter_names
from ppc_engine.rehearsal.people import own_name
from ppc_engine.rehearsal.playing import only_campaign
from ppc_engine.routing.caps import is_slot
from ppc_engine.values.document import Document, Path
from ppc_engine.values.errors import Issue

LOOKUP_KINDS = ("history", "velocity", "http")
SUFFIX = ".test"  # flows/roofing.test.yaml


@dataclass(frozen=True, slots=True)
class LoadedCases:
    """One file, ready to be played. ``flow`` is the flow that it tests; each test has its whole ``given``."""

    document: Document
    flow: str
    tests: tuple[Case, ...]

    def line(self, index: int) -> int:
        """The line on which a test stands."""
        return self.document.places.get(("tests", index), (0, 0))[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Everything that a test may name."""

    catalog: Catalog
    flows: Mapping[str, Flow]
    numbers: Mapping[str, TrackingNumber]

    def nodes(self, flow: str) -> frozenset[str]:
        """The flow's nodes, and every other flow's as "flow/node"."""
        own = self.flows[flow].nodes
        return frozenset({*own, *(f"{f.id}/{node}" for f in self.flows.values() for node in f.nodes)})

    def exits(self, flow: str, name: str) -> frozenset[str]:
        """The exits of a node that exists; of a ``return``, the one that its sub-flow leaves by."""
        other, _, own = name.rpartition("/")
        node = self.flows[other or flow].nodes[own]
        return node.exit_names() | ({node.exit} if isinstance(node, ReturnNode) else frozenset())

    def prompts(self) -> frozenset[str]:
        """Every prompt that some flow plays."""
        nodes = (node for flow in self.flows.values() for node in flow.nodes.values())
        return frozenset(prompt for node in nodes for prompt in node.prompt_names().values())


def load_cases(document: Document, names: Names) -> tuple[LoadedCases | None, list[Issue]]:
    """A file of tests, None when anything in it is wrong, and every issue."""
    stem = PurePath(document.file).stem.removesuffix(SUFFIX)
    try:
        file = CaseFile.model_validate(document.data)
    except pydantic.ValidationError as error:
        return None, validation_issues(document, error, model=CaseFile)
    flow = file.flow or stem
    if flow not in names.flows:
        path: Path = ("flow",) if file.flow else ()
        return None, [document.issue(path, f"no flow {quoted(flow)}{did_you_mean(flow, names.flows)}")]
    checker = _Checker(document, names, flow)
    checker.check(file)
    tests = tuple(case.model_copy(update={"given": case.given.over(file.given)}) for case in file.tests)
    return (None if checker.issues else LoadedCases(document, flow, tests)), sorted(checker.issues)


class _Checker:
    """Looks every name of one file up; what is wrong collects in ``issues``."""

    def __init__(self, document: Document, names: Names, flow: str) -> None:
        self.document = document
        self.names = names
        self.flow = flow
        self.issues: list[Issue] = []
        self._nodes = names.nodes(flow)
        self._prompts = names.prompts()
        self._counters = counter_names(names.catalog, names.numbers.values())
        catalog = names.catalog
        self._kinds: dict[str, Collection[str]] = {
            "target": catalog.targets, "buyer": catalog.buyers, "campaign": catalog.campaigns,
            "publisher": catalog.publishers,
        }  # fmt: skip

    def say(self, path: Path, message: str) -> None:
        self.issues.append(self.document.issue(path, message))

    def known(self, path: Path, what: str, name: str, choices: Iterable[str]) -> None:
        if name not in frozenset(choices):
            self.say(path, f"no {what} {quoted(name)}{did_you_mean(name, choices)}")

    def check(self, file: CaseFile) -> None:
        self._given(("given",), file.given)
        seen: dict[str, int] = {}
        for index, case in enumerate(file.tests):
            path: Path = ("tests", index)
            line = self.document.places.get(path, (0, 0))[0]
            if seen.setdefault(case.name, line) != line:
                self.say((*path, "name"), f"a second test {quoted(case.name)} (the first is on line {seen[case.name]})")
            self._given((*path, "given"), case.given)
            self._whole(path, case, case.given.over(file.given))
            self._expect((*path, "expect"), case)

    def _whole(self, path: Path, case: Case, given: Given) -> None:
        """What a test must be given, by itself or by its file."""
        if given.time is None:
            self.say((*path, "given"), 'needs a time (add "time: 2026-11-23 10:00 America/Los_Angeles")')
        numbers = self.names.numbers
        if given.campaign is None and given.number not in numbers and not only_campaign(self.names.catalog, self.flow):
            at: Path = (*path, "given", "number") if case.given.number else (*path, "given")
            what = f"number {given.number} is not known, and " if given.number else ""
            self.say(at, f'{what}not exactly one campaign has this flow (add "campaign: ...")')
        if case.expect.payable is not None and given.publisher is None and given.number not in numbers:
            self.say((*path, "expect", "payable"), 'says nothing without a publisher (give "publisher: ...")')

    def _given(self, path: Path, given: Given) -> None:
        catalog = self.names.catalog
        for key, names in (("campaign", catalog.campaigns), ("publisher", catalog.publishers)):
            name = getattr(given, key)
            if name is not None:
                self.known((*path, key), key, name, names)
        asked = {*self._nodes, *map(own_name, self._nodes)}  # "flow/node" or "node": people write what is enough.
        for name in given.digits:
            self.known((*path, "digits", name), "node or prompt", name, {*asked, *self._prompts, "*"})
        for name in given.buyers:
            self.known((*path, "buyers", name), "target", name, {*catalog.targets, *asked, "*"})
        for key, kinds in (("lookups", LOOKUP_KINDS), ("messages_ms", ())):
            for name in getattr(given, key):
                self.known((*path, key, name), "node", name, {*asked, *kinds})
        for name in given.prompts_ms:
            self.known((*path, "prompts_ms", name), "prompt", name, {*self._prompts, "*"})
        for key in ("counters", "paused"):
            for subject in getattr(given, key):
                self._subject((*path, key, subject), subject)
        for name in given.stats:
            self.known((*path, "stats", name), "target", name, catalog.targets)
        for name in given.frees:
            self.known((*path, "frees", name), "counter of this test", name, given.counters)
        for name, written in given.counters.items():
            self._counter((*path, "counters", name), name, written)
        for index, change in enumerate(given.changes):
            for name, written in change.counters.items():
                self._subject((*path, "changes", index, "counters", name), name)
                self._counter((*path, "changes", index, "counters", name), name, written)
        if given.caller_hangs_up is not None and given.caller_hangs_up.node is not None:
            self.known((*path, "caller_hangs_up", "node"), "node", given.caller_hangs_up.node, self._nodes)
        for index, earlier in enumerate(given.history):
            if earlier.target is not None:
                self.known((*path, "history", index, "target"), "target", earlier.target, catalog.targets)

    def _subject(self, path: Path, subject: str) -> None:
        """ "target:acme-la", with or without a counter's "/connect/day" after it."""
        kind, _, name = subject.partition("/")[0].partition(":")
        if not name and subject != "engine":
            self.say(path, f'{quoted(subject)} names nothing (write "target:NAME", "buyer:NAME", ...)')
        elif kind in self._kinds:
            self.known(path, kind, name, self._kinds[kind])

    def _counter(self, path: Path, name: str, written: str) -> None:
        if not is_slot(name) and name not in self._counters:
            self.say(path, f"no cap {quoted(name)}{did_you_mean(name, self._counters)}")
            return
        try:
            amount_of(name, written)
        except ValueError as error:
            self.say(path, str(error))

    def _expect(self, path: Path, case: Case) -> None:
        expect, catalog = case.expect, self.names.catalog
        for index, name in enumerate(expect.path or ()):
            if name != ANYTHING:
                self._place((*path, "path", index), name)
        for index, prompt in enumerate(expect.heard or ()):
            if prompt != ANYTHING:
                self.known((*path, "heard", index), "prompt", prompt, self._prompts)
        for index, (target, _) in enumerate(expect.targets or ()):
            self.known((*path, "targets", index), "target", target, catalog.targets)
        for target in expect.rejected or ():
            self.known((*path, "rejected", target), "target", target, catalog.targets)
        for party in expect.reasons or ():
            self.known((*path, "reasons", party), "buyer or publisher", party, {*catalog.buyers, *catalog.publishers})
        if isinstance(expect.billable, dict):
            for buyer in expect.billable:
                self.known((*path, "billable", buyer), "buyer", buyer, catalog.buyers)
        for name in expect.share or ():
            if "." in name:
                self._place((*path, "share", name), name)
            else:
                self.known((*path, "share", name), "target", name, catalog.targets)

    def _place(self, path: Path, name: str) -> None:
        """ "node", or "node.exit"."""
        node, _, exit_name = name.partition(".")
        if node not in self._nodes:
            self.say(path, f"no node {quoted(node)}{did_you_mean(node, self._nodes)}")
        elif exit_name:
            exits = self.names.exits(self.flow, node)
            if exit_name not in exits:
                self.say(path, f"{node} has no exit {quoted(exit_name)}{did_you_mean(exit_name, exits)}")
