import pytest

from keras_wx.data.units import (
    conversion,
    is_rain_amount,
    is_rain_rate,
    is_reflectivity,
    is_unit,
    same_units,
)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("mm h-1", "mm/h"),
        ("mm h-1", "mm hr^-1"),
        ("mm/h", "millimeter / hour"),
        ("mm/h", "mm h**-1"),
        ("dBZ", "dBz"),
        ("dBZ", "DBZE"),
        ("kg m-2 s-1", "mm/s"),
        ("m", "meters"),
        ("1", "1"),
        ("no such unit", "no such unit"),
    ],
)
def test_spellings_of_one_unit(first, second):
    assert same_units(first, second)


@pytest.mark.parametrize(
    ("first", "second"),
    [("mm/h", "m/h"), ("degC", "K"), ("dBZ", "mm/h"), ("dBZ", "dB"), ("dBZ", "no such unit")],
)
def test_different_units(first, second):
    assert not same_units(first, second)


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("kg m-2 s-1", "mm h-1", (3600.0, 0.0)),
        ("mm h-1", "kg m-2 s-1", (1 / 3600, 0.0)),
        ("m s-1", "mm h-1", (3.6e6, 0.0)),
        ("inch/hour", "mm/h", (25.4, 0.0)),
        ("kg m-2", "mm", (1.0, 0.0)),
        ("degC", "K", (1.0, 273.15)),
        ("degF", "degC", (5 / 9, -160 / 9)),
        ("km", "m", (1000.0, 0.0)),
        ("%", "1", (0.01, 0.0)),
    ],
)
def test_conversion(source, target, expected):
    assert conversion(source, target) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("source", "target"),
    [("dBZ", "mm h-1"), ("mm", "mm h-1"), ("K", "mm h-1"), ("nonsense", "mm"), ("", "mm")],
)
def test_no_conversion(source, target):
    assert conversion(source, target) is None


def test_families():
    assert is_reflectivity("dbz")
    assert not is_reflectivity("dB")
    assert is_rain_rate("mm h-1")
    assert is_rain_rate("kg m-2 s-1")
    assert not is_rain_rate("m s-1"), "more likely the wind"
    assert is_rain_amount("kg m-2")
    assert not is_rain_amount("m"), "more likely a height"
    assert not is_unit("degrees_in_WGS84_projection")
