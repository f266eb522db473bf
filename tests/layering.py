"""The rules of the house as functions from sources to breaches, so that each rule can be broken in a test.

A source is a path from the root of the repository and its text. Every rule returns one line a breach: path, line, why.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

Sources = Mapping[str, str]

# Floor 0, left to right.
PURE_PACKAGES = ("values", "catalog", "routing", "flows", "calls", "billing", "quality", "rehearsal")
ADAPTERS = ("switch", "emulator", "storage", "telemetry", "web")  # floor 3
FLOORS = {
    **dict.fromkeys(PURE_PACKAGES, 0),
    "ports": 1,
    "engine": 2,
    **dict.fromkeys(ADAPTERS, 3),
    **dict.fromkeys(("settings", "live_config", "wiring", "cli", "__main__"), 4),
}
TOP = ("settings", "live_config", "wiring", "cli", "__main__")  # floor 4, each may import those before it

THIRD_PARTY = {
    0: {"pydantic", "phonenumbers", "cel_expr_python", "holidays"},
    1: set(),
    2: {"gevent", "greenlet", "orjson"},
}
ONE_USER = {"cel_expr_python": "ppc_engine/values/condition.py"}  # A library that one module alone may know.
_IMPURE = """
    asyncio atexit concurrent contextvars ctypes dbm fcntl fileinput ftplib gc getpass glob http importlib.resources io
    locale logging mmap multiprocessing os pathlib platform queue random resource sched secrets select selectors shelve
    shutil signal smtplib socket socketserver sqlite3 ssl subprocess tempfile threading time urllib
"""
IMPURE_MODULES = frozenset(_IMPURE.split())
NAMED_IN_FULL = {"ppc_engine", "importlib", "pathlib"}  # `from a import b` matters as a.b
PURE_PARTS = {"pathlib.PurePath", "pathlib.PurePosixPath"}  # of impure modules
IMPURE_CALLS = {"open", "input", "print", "exec", "eval", "compile", "__import__", "uuid1", "uuid4", "getnode"}
IMPURE_METHODS = {"now", "utcnow", "today", "uuid1", "uuid4", "getnode"}

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "misc", "common"}

# Written in pieces, so that this file does not name them.
WORKPLACE_NAMES = re.compile(r"(?<![\w.~-])/" + r"work\b|\.\./" + r"shared\b|/opt/" + r"fsbuild\b")


def imports(text: str) -> Iterator[tuple[int, str]]:
    """Every module that a source imports, wherever in the file, as (line, dotted name)."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for alias in node.names:
                yield node.lineno, f"{module}.{alias.name}" if module in NAMED_IN_FULL else module


def place(path: str) -> str:
    """The package or module directly below ppc_engine that a path belongs to, "" for ppc_engine/__init__.py itself."""
    second = PurePosixPath(path).parts[1]
    return "" if second == "__init__.py" else second.removesuffix(".py")


def may_import(importer: str, imported: str) -> bool:
    """Whether one package or module below ppc_engine may import another."""
    if importer == imported:
        return True
    from_floor, to_floor = FLOORS[importer], FLOORS[imported]
    if from_floor == to_floor == 0:
        return PURE_PACKAGES.index(imported) < PURE_PACKAGES.index(importer)
    if from_floor == to_floor == 4:
        return TOP.index(imported) < TOP.index(importer)
    return to_floor < from_floor


def engine_sources(sources: Sources) -> Iterator[tuple[str, str]]:
    return ((path, text) for path, text in sources.items() if path.startswith("ppc_engine/") and path.endswith(".py"))


def floor_breaches(sources: Sources) -> list[str]:
    """Imports that go up, or sideways where that is forbidden; packages that stand on no floor."""
    found = []
    for path, text in engine_sources(sources):
        importer = place(path)
        if importer and importer not in FLOORS:
            found.append(f"{path}: {importer} stands on no floor")
            continue
        for line, name in imports(text):
            if name.startswith("."):
                found.append(f"{path}:{line}: relative import (write the whole name)")
            parts = name.split(".")
            if parts[0] != "ppc_engine" or parts[1:2] == ["__version__"]:
                continue
            imported = parts[1] if len(parts) > 1 else ""
            if not importer or imported not in FLOORS or not may_import(importer, imported):
                found.append(f"{path}:{line}: {importer or 'ppc_engine'} may not import {name}")
    return found


def impurity_breaches(sources: Sources) -> list[str]:
    """Clocks, sockets, files, randomness on floors 0 and 1; libraries that are not on the list of a floor."""
    found = []
    for path, text in engine_sources(sources):
        floor = FLOORS.get(place(path), 4)
        if floor > 2:
            continue
        for line, name in imports(text):
            top = name.split(".")[0]
            if floor < 2 and not IMPURE_MODULES.isdisjoint((top, name)) and name not in PURE_PARTS:
                found.append(f"{path}:{line}: floor {floor} may not import {name}")
            elif top and top not in sys.stdlib_module_names and top != "ppc_engine" and top not in THIRD_PARTY[floor]:
                found.append(f"{path}:{line}: {name} is not on the list of floor {floor}")
        if floor < 2:
            found += [f"{path}:{line}: floor {floor} may not call {what}" for line, what in _impure_calls(text)]
    return found


def one_user_breaches(sources: Sources) -> list[str]:
    """A library behind one module of ours that another module imports all the same."""
    return [
        f"{path}:{line}: {name} is imported in {ONE_USER[name.split('.')[0]]} alone"
        for path, text in engine_sources(sources)
        for line, name in imports(text)
        if ONE_USER.get(name.split(".")[0], path) != path
    ]


def _impure_calls(text: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in IMPURE_CALLS:
            yield node.lineno, node.func.id
        elif isinstance(node.func, ast.Attribute) and node.func.attr in IMPURE_METHODS:
            yield node.lineno, f".{node.func.attr}"


def patching_breaches(sources: Sources) -> list[str]:
    """Monkey-patching anywhere but in __main__.py, in a conftest.py and in what is a process of its own."""
    found = []
    for path, text in sources.items():
        if not path.endswith(".py") or path.startswith(("scripts/", "bench/")) or path == "ppc_engine/__main__.py":
            continue
        if path.startswith("tests/") and path.endswith(("/conftest.py", "_child.py")):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Attribute) and node.attr.startswith("patch_"):
                owner = node.value
                if isinstance(owner, (ast.Name, ast.Attribute)) and ast.unparse(owner).split(".")[-1] == "monkey":
                    found.append(f"{path}:{node.lineno}: patches for gevent")
    return found


def size_breaches(sources: Sources) -> list[str]:
    """Files and functions that grew too long to be read at once. Test functions may be long: a call trace is."""
    found = []
    for path, text in sources.items():
        if not path.endswith(".py"):
            continue
        lines = text.count("\n")
        if lines > FILE_LINES_MAX:
            found.append(f"{path}: {lines} lines, {FILE_LINES_MAX} at most")
        if path.startswith(("tests/", "migrations/versions/")):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_LINES_MAX:
                    found.append(f"{path}:{node.lineno}: {node.name} has {length} lines, {FUNCTION_LINES_MAX} at most")
    return found


def name_breaches(sources: Sources) -> list[str]:
    """Modules whose name says nothing about what they decide."""
    return [f"{path}: say what it is about" for path in sources if _stem(path) in VAGUE_NAMES and path.endswith(".py")]


def _stem(path: str) -> str:
    pure = PurePosixPath(path)
    return pure.parent.name if pure.name == "__init__.py" else pure.stem


def node_breaches(sources: Sources) -> list[str]:
    """Node types without a test file of their own."""
    found = []
    for path in sources:
        pure = PurePosixPath(path)
        if pure.parent == PurePosixPath("ppc_engine/flows/nodes") and pure.suffix == ".py" and pure.stem != "__init__":
            test = f"tests/flows/nodes/test_{pure.stem}.py"
            if test not in sources:
                found.append(f"{path}: no {test}")
    return found


def workplace_breaches(sources: Sources) -> list[str]:
    """Names of the place where this was built: no other machine has them. And addresses in the lock."""
    found = []
    for path, text in sources.items():
        for number, line in enumerate(text.splitlines(), 1):
            if WORKPLACE_NAMES.search(line):
                found.append(f"{path}:{number}: names a place of the machine it was written on")
            elif path == "requirements.lock" and "://" in line:
                found.append(f"{path}:{number}: an address in the lock")
    return found
