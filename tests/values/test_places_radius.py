"""ZIPs within a radius: looking only at those that can be near finds the same as looking at all."""

from hypothesis import given
from hypothesis import strategies as st

from ppc_engine.values.places import distance_miles, places_of

POINTS = st.tuples(
    st.floats(-89.9, 89.9) | st.floats(17, 72), st.floats(-180, 180) | st.floats(-180, -170) | st.floats(170, 180)
)


@given(st.lists(POINTS, min_size=1, max_size=30), POINTS, st.integers(1, 500), st.data())
def test_the_same_zips_as_by_measuring_each(points, middle, miles, data):
    near = data.draw(st.lists(st.tuples(st.floats(-9, 9), st.floats(-20, 20)), max_size=10))
    moved = [(max(-89.9, min(89.9, middle[0] + up)), (middle[1] + on + 180) % 360 - 180) for up, on in near]
    named = {f"{index:05}": point for index, point in enumerate([*points, *moved])}
    places = places_of(dict.fromkeys(named, "CA"), {}, named)
    assert places.zips_within(middle, miles) == {
        code for code, point in named.items() if distance_miles(middle, point) <= miles
    }
