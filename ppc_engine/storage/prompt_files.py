"""The prompts of a directory: their names, and how long each is."""

from __future__ import annotations

import wave
from pathlib import Path

UNKNOWN_MS = 8_000  # Of a file that is no plain PCM: two sentences.


def prompts_in(directory: Path) -> dict[str, int] | None:
    """Milliseconds by name; None when the directory is not on this machine, or holds none: the switch may be away."""
    if not directory.is_dir():
        return None
    return {file.stem: _length_ms(file) for file in sorted(directory.glob("*.wav"))} or None


def _length_ms(file: Path) -> int:
    try:
        with wave.open(str(file), "rb") as sound:
            return sound.getnframes() * 1000 // sound.getframerate()
    except (OSError, EOFError, wave.Error, ZeroDivisionError):
        return UNKNOWN_MS
