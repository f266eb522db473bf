"""ZIP codes of the zipcodes package as a value.

The package is asked once for all its data and never for a single ZIP: its look-ups scan, and a foreign byte in an
argument panics in its Rust core where no except clause sees it (libraries.md, row 1). Making the value costs 0.6 s of
CPU and 100 MiB for a moment, so the few bytes that matter are kept in a cache file that may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from ppc_engine.values.holidays import data_version
from ppc_engine.values.places import Places, Point, places_of

CACHE_FORMAT = 2

_KIND_OF_COUNTY = re.compile(r" (County|Parish|Municipio|Borough|Census Area|Municipality)$")


@dataclass(frozen=True, slots=True)
class _Row:
    """One ZIP: its state, its county ("" where there is none) and its middle in degrees."""

    zip_code: str
    state: str
    county: str
    point: Point


def load_places(cache_directory: Path | None = None) -> Places:
    """Every ZIP code in use and every area code, with their states; ZIPs with county and middle.

    ``cache_directory`` is the user's own cache by default; that it cannot be written is no error.
    """
    directory = cache_directory or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ppc-engine"
    cache = directory / f"zips-{version('zipcodes')}-{CACHE_FORMAT}.txt"
    return _read_cache(cache) or _write_cache(cache, _read_package())


def _read_package() -> list[_Row]:
    """All ZIPs that are delivered to; retired ones are left out, they exist no more."""
    import zipcodes  # Imported on use: only the first start on a machine needs it.

    return [
        _Row(
            entry["zip_code"],
            entry["state"],
            _KIND_OF_COUNTY.sub("", entry["county"]),
            (float(entry["lat"]), float(entry["long"])),
        )
        for entry in zipcodes.list_all()
        if entry["active"]
    ]


def _places(rows: Iterable[_Row]) -> Places:
    kept = list(rows)
    return places_of(
        {row.zip_code: row.state for row in kept},
        {row.zip_code: f"{row.county}, {row.state}" for row in kept if row.county},
        {row.zip_code: row.point for row in kept},
    )


def _read_cache(cache: Path) -> Places | None:
    """One line a county, closed by a line with the fingerprint; None when it is not whole.

    ``CA;Los Angeles;90001,33.9731,-118.2479;90002,...``
    """
    rows = []
    try:
        *lines, fingerprint = cache.read_text(encoding="ascii").splitlines()
        for line in lines:
            state, county, *entries = line.split(";")
            for entry in entries:
                code, latitude, longitude = entry.split(",")
                rows.append(_Row(code, state, county, (float(latitude), float(longitude))))
    except (OSError, ValueError):
        return None
    places = _places(rows)
    return places if places.fingerprint == fingerprint else None


def _write_cache(cache: Path, rows: list[_Row]) -> Places:
    places = _places(rows)
    by_county: dict[tuple[str, str], list[_Row]] = {}
    for row in rows:
        by_county.setdefault((row.state, row.county), []).append(row)
    lines = []
    for (state, county), own in sorted(by_county.items()):
        entries = ";".join(f"{row.zip_code},{row.point[0]},{row.point[1]}" for row in own)
        lines.append(f"{state};{county};{entries}")
    with contextlib.suppress(OSError, ValueError):
        cache.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=cache.parent, delete=False, encoding="ascii") as file:
            file.write("\n".join([*lines, places.fingerprint]))
        Path(file.name).replace(cache)  # Whole or not at all, also when two processes start at once.
    return places


def data_versions(places: Places) -> dict[str, str]:
    """What a call's first fact says of the data that it is judged by: zones, holidays and places."""
    return {"tzdata": version("tzdata"), "holidays": data_version(), "places": places.fingerprint}
