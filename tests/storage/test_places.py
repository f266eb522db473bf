"""ZIP codes and area codes: what exists, where it is, and that the cache cannot lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from ppc_engine.storage import places as module
from ppc_engine.storage.places import load_places
from ppc_engine.values.area_codes import AREA_CODE_STATES
from ppc_engine.values.phone import TOLL_FREE_AREA_CODES
from ppc_engine.values.places import Places, distance_miles, places_of


def row(zip_code: str, state: str) -> module._Row:
    return module._Row(zip_code, state, "Los Angeles", (34.0901, -118.4065))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def places(cache: Path) -> Places:
    return load_places(cache)


@pytest.mark.parametrize(
    ("zip_code", "state"),
    [("90210", "CA"), ("02134", "MA"), ("00501", "NY"), ("00901", "PR"), ("99634", "AK"), ("09021", "AE")],
)
def test_a_zip_is_in_its_state(places: Places, zip_code: str, state: str) -> None:
    assert places.zip_exists(zip_code)
    assert places.zip_state(zip_code) == state


@pytest.mark.parametrize(
    "zip_code", ["99999", "00000", "", "9021", "902101", "01133", "\u0669\u0660\u0662\u0661\u0660", "90210 "]
)
def test_five_digits_or_less_or_a_retired_zip_are_nowhere(places: Places, zip_code: str) -> None:
    assert not places.zip_exists(zip_code)
    assert places.zip_state(zip_code) == ""


@pytest.mark.parametrize(
    ("area_code", "state"),
    [
        ("213", "CA"), ("212", "NY"), ("202", "DC"), ("787", "PR"),
        ("738", "CA"), ("329", "NY"), ("645", "FL"),  # newer than the ZIP data
        ("204", "MB"), ("416", "ON"), ("250", "BC"),  # ZIP data gives these to the states across the border
        ("902", ""), ("867", ""), ("800", ""), ("900", ""), ("555", ""), ("", ""), ("2132", ""),
    ],
)  # fmt: skip
def test_an_area_code_is_in_one_state_or_nowhere(places: Places, area_code: str, state: str) -> None:
    assert places.area_code_state(area_code) == state


def test_area_codes_agree_with_the_zips_of_their_state(places: Places) -> None:
    assert TOLL_FREE_AREA_CODES.isdisjoint(AREA_CODE_STATES)
    provinces = {"AB", "BC", "MB", "NB", "NL", "NS", "ON", "QC", "SK"}
    assert set(AREA_CODE_STATES.values()) - provinces <= set(places.zips.values())
    assert len(places.zips) > 41_000
    assert len(AREA_CODE_STATES) > 400


def test_the_cache_gives_the_same_without_the_package(
    places: Places, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_read_package", lambda: pytest.fail("the package was asked again"))
    again = load_places(cache)
    assert again.zips == places.zips
    assert again.counties == places.counties
    assert again.points == places.points
    assert again.fingerprint == places.fingerprint


def test_a_damaged_cache_is_made_again(places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_read_package", lambda: [row("90210", "CA"), row("10001", "NY")])
    whole = load_places(tmp_path)
    (cache,) = tmp_path.iterdir()
    text = cache.read_text()
    for damaged in (text[:-3], text.replace("90210", "90211"), text.replace("NY", "NJ"), "", "\xff", "CA\n"):
        cache.write_text(damaged, encoding="latin-1")
        assert load_places(tmp_path).zips == whole.zips
        assert cache.read_text() == text


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_read_package", lambda: [row("90210", "CA")])
    (tmp_path / "file").write_text("")
    assert load_places(tmp_path / "file" / "under").zip_exists("90210")


def test_the_fingerprint_tells_editions_apart() -> None:
    one = places_of({"90210": "CA"})
    assert one.fingerprint == places_of({"90210": "CA"}).fingerprint
    assert one.fingerprint != places_of({"90210": "NV"}).fingerprint
    assert one.fingerprint != places_of({"90210": "CA"}, {"90210": "Los Angeles, CA"}).fingerprint


@pytest.mark.parametrize(
    ("zip_code", "county"),
    [("90210", "Los Angeles, CA"), ("70112", "Orleans, LA"), ("21201", "Baltimore city, MD"), ("09021", "")],
)
def test_a_zip_is_in_its_county(places: Places, zip_code: str, county: str) -> None:
    assert places.zip_county(zip_code) == county
    assert not county or zip_code in places.zips_in([county])


def test_distance_of_two_cities(places: Places) -> None:
    """Los Angeles to San Francisco is 347 miles by the great circle."""
    assert 345 < distance_miles((34.0522, -118.2437), (37.7749, -122.4194)) < 349


def test_a_radius_takes_in_what_a_look_at_every_zip_takes_in(places: Places) -> None:
    for middle in ((34.0522, -118.2437), (61.2181, -149.9003), (21.3069, -157.8583)):
        near = places.zips_within(middle, 25)
        assert near == {code for code, point in places.points.items() if distance_miles(middle, point) <= 25}
        assert 10 < len(near) < 1_000
