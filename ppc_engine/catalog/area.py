"""Where callers may come from: places of an offer, and the further ones that only a target can name."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, model_validator

from ppc_engine.catalog.scalars import RADIUS_MILES_MAX, AreaCode, County, ListName, Model, State, ZipCode


class Area(Model):
    """Places, as a caller is placed: inside when any of the lists names the caller's ZIP, state or area code.

    ``zips_file`` names a list of the configuration; when it is loaded, its ZIPs stand in ``zips`` with the others.
    """

    zips: frozenset[ZipCode] = frozenset()
    zips_file: ListName | None = None
    states: frozenset[State] = frozenset()
    area_codes: frozenset[AreaCode] = frozenset()
    require_zip_source: Literal["any", "keyed"] = "any"

    @model_validator(mode="after")
    def _with_listed_zips(self, info: ValidationInfo) -> Self:
        listed = (info.context or {}).get("lists", {}).get(self.zips_file) if self.zips_file else None
        if listed:
            # Lists are long and shared by many targets: one set for all that name nothing else.
            self.__dict__["zips"] = self.zips | listed if self.zips else listed
        return self


class Radius(Model):
    """Everywhere within so many miles of a point: of a ZIP's middle, or of a latitude and longitude in degrees."""

    miles: Annotated[int, Field(ge=1, le=RADIUS_MILES_MAX)]
    zip: ZipCode | None = None
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None

    @model_validator(mode="after")
    def _one_point(self) -> Self:
        by_point = self.latitude is not None and self.longitude is not None
        by_half = (self.latitude is None) != (self.longitude is None)
        if by_half or by_point == (self.zip is not None):
            raise ValueError("a radius is round one point (write zip, or latitude and longitude)")
        return self


class TargetArea(Area):
    """An area of a target. Counties and a radius need the caller's ZIP: an area code is in no place so small.

    Example::

        area: {zips_file: lists/west-zips.txt, states: [NV], counties: ["Los Angeles, CA"],
               radius: {zip: "90012", miles: 25}, area_codes: ["310"]}
    """

    counties: frozenset[County] = frozenset()
    radius: Radius | None = None
