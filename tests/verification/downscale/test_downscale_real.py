"""Real temperatures: interpolated from a coarse grid they are too smooth, and the scores say so."""

from __future__ import annotations

import xarray as xr

from keras_wx.verification import verify_downscaled


def test_interpolation_is_smoother_than_the_truth(shared_data):
    with xr.open_dataset(shared_data / "ncep_air_2013-2014.nc") as archive:
        truth = archive[["air"]].isel(time=slice(0, 480, 4), lat=slice(0, 24), lon=slice(0, 52))
        truth = truth.load()
    truth.air.attrs["units"] = "K"
    coarse = truth.coarsen(lat=4, lon=4).mean()
    blurred = coarse.interp(lat=truth.lat, lon=truth.lon, method="linear")
    blurred.air.attrs["units"] = "K"
    found = verify_downscaled(blurred, truth, lags=10)
    assert 0.9 < found.r2_determination < found.r2_correlation < 1
    # What is always there counts for nothing in the efficiency of a place.
    assert found.nse < found.r2_determination
    assert found.n_spectra == 0  # beyond the outer points of the coarse grid there is nothing
    inside = {"lat": slice(2, -2), "lon": slice(2, -2)}
    found = verify_downscaled(blurred.isel(inside), truth.isel(inside), lags=10)
    assert found.n_spectra == 120
    assert (found.forecast_power < found.truth_power).isel(wavenumber=slice(6, None)).all()
    assert (found.forecast_variogram[:3] < found.truth_variogram[:3]).all()
    assert found.forecast_lag_rmse.argmin("lag") == 0
