"""The schemas as files, and the line by which a YAML file names its own."""

from __future__ import annotations

import json
from pathlib import Path

from ppc_engine.cli.json_schema import every_schema

MODELINE = "# yaml-language-server: $schema="


def files() -> dict[str, str]:
    """Text by file name. The same for the same models, so that a committed copy can be compared."""
    return {
        f"{name}.schema.json": json.dumps(schema, indent=1, sort_keys=True) + "\n"
        for name, schema in every_schema().items()
    }


def write(directory: Path) -> list[str]:
    """Write every schema into a directory; what was written, by name."""
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in files().items():
        (directory / name).write_text(text, encoding="utf-8")
        written.append(str(directory / name))
    return written
