"""From the dialled number to the campaign and the publisher of a call, or that nobody owns the number."""

from __future__ import annotations

from collections.abc import Mapping

from ppc_engine.catalog.model import TrackingNumber
from ppc_engine.values.phone import normalise


def attribute(dialed_number: str, numbers: Mapping[str, TrackingNumber]) -> TrackingNumber | None:
    """The tracking number that was dialled, however the trunk wrote it; None when it is not one of ours."""
    return numbers.get(dialed_number) or numbers.get(normalise(dialed_number))
