"""ZIP codes of the zipcodes package as a value.

The package is asked once for all its data and never for a single ZIP: its look-ups scan, and a foreign byte in an
argument panics in its Rust core where no except clause sees it (libraries.md, row 1). Making the value costs 0.6 s of
CPU and 100 MiB for a moment, so the few bytes that matter are kept in a cache file that may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from importlib.metadata import version
from pathlib import Path

from ppc_engine.values.places import Places, places_of


def load_places(cache_directory: Path | None = None) -> Places:
    """Every ZIP code in use and every area code, with their states.

    ``cache_directory`` is the user's own cache by default; that it cannot be written is no error.
    """
    directory = cache_directory or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ppc-engine"
    cache = directory / f"zips-{version('zipcodes')}.txt"
    return _read_cache(cache) or _write_cache(cache, places_of(_read_package()))


def _read_package() -> dict[str, str]:
    """ZIP -> state of all ZIPs that are delivered to; retired ones are left out, they exist no more."""
    import zipcodes  # Imported on use: only the first start on a machine needs it.

    return {entry["zip_code"]: entry["state"] for entry in zipcodes.list_all() if entry["active"]}


def _read_cache(cache: Path) -> Places | None:
    """One line a state, "CA 90001 90002 ...", closed by a line with the fingerprint; None when it is not whole."""
    try:
        *lines, fingerprint = cache.read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return None
    zips = {}
    for line in lines:
        state, *codes = line.split(" ")
        zips.update(dict.fromkeys(codes, state))
    places = places_of(zips)
    return places if places.fingerprint == fingerprint else None


def _write_cache(cache: Path, places: Places) -> Places:
    by_state: dict[str, list[str]] = {}
    for code, state in places.zips.items():
        by_state.setdefault(state, []).append(code)
    lines = [f"{state} {' '.join(codes)}" for state, codes in sorted(by_state.items())]
    with contextlib.suppress(OSError):
        cache.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=cache.parent, delete=False, encoding="ascii") as file:
            file.write("\n".join([*lines, places.fingerprint]))
        Path(file.name).replace(cache)  # Whole or not at all, also when two processes start at once.
    return places
