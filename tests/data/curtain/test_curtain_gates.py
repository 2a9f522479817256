"""Network numbers of gates, finite where the radar is blind."""

import warnings

import numpy as np
import pytest
from curtain_fields import make_curtain_sample

from keras_wx.data.curtain import gate_values
from keras_wx.errors import DataError

TIMES = np.datetime64("2020-01-01", "ns") + np.arange(3) * np.timedelta64(4, "s")
MASK = np.array([[1.0] * 3, [0.5] * 3, [0.0] * 3])
ECHO, WARMTH = make_curtain_sample().inputs


def gates(variable, changes, **options):
    field = np.full((3, 3), -15.0 if variable.units == "dBZ" else 240.0)
    for place in changes:
        field[place] = np.nan
    return gate_values(variable, field, MASK, TIMES, **options)


def test_what_is_blind_is_finite():
    np.testing.assert_allclose(gates(ECHO, [(0, 1)])[0], [0.25, -1, 0.25])


def test_the_ramp_is_measured():
    with pytest.raises(DataError, match=r"outside the mask: .* at 2020-01-01T00:00:04 in row 1"):
        gates(ECHO, [(1, 1)])


def test_columns_that_are_let_be():
    ignore = np.array([False, True, False])
    assert np.isfinite(gates(ECHO, [(1, 1), (2, 1)], ignore=ignore)).all()
    with pytest.raises(DataError, match="at 2020-01-01T00:00:08 in row 2"):
        gates(ECHO, [(1, 1), (2, 2)], ignore=ignore)


def test_the_state_is_known_below_too():
    with pytest.raises(DataError, match="NaN: 'temperature'"):
        gates(WARMTH, [(0, 1)])


def test_fill():
    filled = WARMTH.model_copy(update={"fill": 220.0})
    assert gates(filled, [(2, 2)])[2, 2] == 0


def test_what_to_do_about_nan_is_said():
    with pytest.raises(DataError, match=r"saw nothing, .*'reflectivity': \{'fill': -60\}"):
        gates(ECHO, [(2, 1)])
    with pytest.raises(
        DataError, match=r"'temperature': \{'fill': \.\.\.\}.* a value in K"
    ) as error:
        gates(WARMTH, [(2, 1)])
    assert "saw nothing" not in str(error.value)


def test_rows_above_the_data_are_told_of():
    with pytest.raises(DataError, match=r"Rows 2 and above .* do not reach as high"):
        gates(ECHO, [(2, 0), (2, 1), (2, 2)])
    with pytest.raises(DataError) as error:
        gates(ECHO, [(2, 0), (2, 2)])
    assert "reach" not in str(error.value)


def test_a_number_that_stands_for_missing_is_no_clear_air():
    field = np.full((3, 3), -15.0)
    field[0, 2] = field[1, 1] = -9999.0
    with pytest.raises(
        DataError, match=r"-9999 at 2 points, the first at 2020-01-01T00:00:04.*!= -9999\)"
    ):
        gate_values(ECHO, field, MASK, TIMES)


@pytest.mark.parametrize(
    ("values", "linear"),
    [
        ([0.0, 3e-6, 2.0], True),
        ([30.0, 2e4, 1e5], True),
        ([-60.0, 3e-6, 2e4], False),
        ([14.0, 20.0, 55.0], False),
        ([np.nan, np.nan, 0.0], False),
    ],
)
def test_a_reflectivity_factor_that_says_dbz(values, linear):
    field = np.array([values] * 3)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gate_values(ECHO.model_copy(update={"fill": -60.0}), field, MASK, TIMES)
    told = [str(w.message) for w in caught]
    assert [("attrs['units'] = 'mm6 m-3'" in text) for text in told] == [True] * linear
