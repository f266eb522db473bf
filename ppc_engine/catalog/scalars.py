"""The words that files of config/catalog are made of: slugs, places, numbers, amounts, each with its form.

Every scalar of a file arrives as text (YAML would eat ZIP codes and phone numbers) and is typed here.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from ppc_engine.values.money import parse_micros
from ppc_engine.values.phone import parse_e164

RING_MS_MAX = 120_000  # No caller waits two minutes for one target.
CONNECTED_MS_MAX = 4 * 3_600_000  # A bridge that outlives four hours is a stuck one.
CONCURRENCY_MAX = 100_000
RADIUS_MILES_MAX = 500  # Beyond that, states say it better.

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Title = Annotated[str, StringConstraints(min_length=1, max_length=120)]
ZipCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{5}$")]
State = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
County = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z .'-]{1,60}, [A-Z]{2}$")]
AreaCode = Annotated[str, StringConstraints(pattern=r"^[2-9][0-9]{2}$")]
ListName = Annotated[str, StringConstraints(pattern=r"^lists/[a-z0-9][a-z0-9_-]{0,63}\.txt$")]
TrunkName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$")]
E164 = Annotated[str, BeforeValidator(parse_e164)]
SIPAddress = Annotated[
    str,
    StringConstraints(pattern=r"^sip:[a-zA-Z0-9_+.-]{1,64}@[a-zA-Z0-9][a-zA-Z0-9.-]{0,252}(:[0-9]{1,5})?$"),
]
Micros = Annotated[int, BeforeValidator(parse_micros), Field(ge=0)]
ConcurrencyCap = Annotated[int, Field(ge=0, le=CONCURRENCY_MAX)]


class Model(BaseModel):
    """A frozen part of the catalog; a key it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
