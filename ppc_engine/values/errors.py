"""What can be wrong with what people give us, as values: errors with a stable code, issues with a place and a cure."""

from __future__ import annotations

from dataclasses import dataclass


class PPCError(Exception):
    """Root of every error that is shown to a person. ``code`` is stable, so that tools may match on it."""

    code = "error"
    exit_code = 1


class BadValueError(PPCError):
    """A single value that cannot be what its name says (a phone number, an amount, a ZIP)."""

    code = "bad_value"


class OutsideError(PPCError):
    """Something outside the process cannot be reached or refuses us (switch, database, disk)."""

    code = "outside"
    exit_code = 3


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Issue:
    """One thing wrong with a configuration file: where it stands, what it is, and what to do about it.

    ``line`` and ``column`` count from 1, as editors do; 0 means the file as a whole.
    """

    file: str
    line: int = 0
    column: int = 0
    path: str = ""
    message: str
    severity: str = "error"

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        path = f"{self.path}: " if self.path else ""
        level = "warning: " if self.severity == "warning" else ""
        return f"{place}: {level}{path}{self.message}"


class ConfigError(PPCError):
    """A configuration that was refused whole, with every issue that was found."""

    code = "bad_config"

    def __init__(self, issues: list[Issue]) -> None:
        self.issues = sorted(issues)
        super().__init__("\n".join(str(issue) for issue in self.issues))
