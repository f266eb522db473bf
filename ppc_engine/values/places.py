"""Where a ZIP code or an area code is, as a value: ``storage/places.py`` builds it, deciding code only asks it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from ppc_engine.values.area_codes import AREA_CODE_STATES

FINGERPRINT_DIGITS = 16  # Enough to tell any two editions of the data apart.


@dataclass(frozen=True, slots=True, repr=False)
class Places:
    """``zips`` maps every ZIP code in use to its state, ``area_codes`` a NANP area code to its state or province.

    An area code is a hint only: numbers are ported and carried along (semantics.md, "Who the caller is, and where").
    ``fingerprint`` names the data, so that a call's first fact can say which it was placed by.
    """

    zips: Mapping[str, str]
    area_codes: Mapping[str, str]
    fingerprint: str

    def zip_exists(self, zip_code: str) -> bool:
        """Whether mail is delivered to it today; five digits alone prove nothing."""
        return zip_code in self.zips

    def zip_state(self, zip_code: str) -> str:
        """Two letters, AA, AE or AP for the military; "" for a ZIP that does not exist."""
        return self.zips.get(zip_code, "")

    def area_code_state(self, area_code: str) -> str:
        """Two letters; "" for an unknown, toll-free or non-geographic area code, or one that spans provinces."""
        return self.area_codes.get(area_code, "")


def places_of(zips: Mapping[str, str]) -> Places:
    """Places of these ZIPs (ZIP -> state) and of all area codes."""
    data = "".join(f"{key}{state}" for table in (zips, AREA_CODE_STATES) for key, state in sorted(table.items()))
    fingerprint = hashlib.sha256(data.encode()).hexdigest()[:FINGERPRINT_DIGITS]
    return Places(zips=zips, area_codes=AREA_CODE_STATES, fingerprint=fingerprint)
