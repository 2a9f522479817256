"""Models of task downscale in files: frames are channels, and all fields are on the fine grid."""

from __future__ import annotations

import export_cases
import keras
import numpy as np
import pytest
import xarray as xr
from keras import ops

import keras_wx
from keras_wx import spec
from keras_wx.errors import ModelError
from keras_wx.inference.export.physical import physical
from keras_wx.inference.export.saved_model import reader
from keras_wx.inference.export.transforms import check_transforms
from keras_wx.registry import models

KELVIN = {"standard": {"mean": 2, "std": 4}}
AIR = {"name": "air", "units": "K", "grid": "fine", "transform": KELVIN}
COARSE = {"name": "coarse", "units": "K", "role": "input", "grid": "coarse", "steps": [0, 0]}
GROUPED = {"transform": {"minmax": {}}, "statistics_by": ["season"]}


def sample_of(**coarse):
    """Two fine fields before, a coarse one, and longitudes; the fields of two times from these."""
    grids = {"fine": {}, "coarse": {"onto": "fine"}}
    longitude = {"linear": {"low": 0, "high": 10, "clip": False}}
    variables = [
        {**AIR, "role": "input", "steps": [-2, -1]},
        {**COARSE, **coarse},
        {"name": "longitude", "units": "degrees_east", "role": "calendar", "grid": "fine",
         "transform": longitude},
        {**AIR, "role": "target", "steps": [0, 1]},
    ]  # fmt: skip
    return spec.read_sample({"layout": "channels", "grids": grids, "variables": variables})


def test_each_channel_by_its_own_transform():
    """A network that adds its channels up, in the first field, and gives the second frame next."""
    maps = keras.Input((None, None, 4), name="maps")
    model = keras.Model(maps, ops.stack([ops.sum(maps, axis=-1), maps[..., 1]], axis=-1))
    whole = physical(model, sample_of(fill=3))
    (given,) = whole.inputs
    assert given.dims == whole.output.dims == ("batch", "y", "x", "channel")
    assert [(v.name, v.steps) for v in given.variables] == [
        ("air", (-2, -2)), ("air", (-1, -1)), ("coarse", (0, 0)), ("longitude", None)
    ]  # fmt: skip
    assert [v.steps for v in whole.output.variables] == [(0, 0), (1, 1)]
    x = np.array([[6, 10, np.nan, 5], [2, -2, 1, 0]], "float32").reshape(1, 1, 2, 4)
    forecast = whole({"maps": x})["forecast"]
    # 1 + 2 + 3 (the fill) + 0.5 and 0 - 1 + 1 + 0, in units of 4 K from 2 K; nothing is missing.
    np.testing.assert_allclose(forecast[0, 0], [[28, 10], [2, -2]], rtol=1e-6)


def test_another_number_of_channels():
    maps = keras.Input((None, None, 5), name="maps")
    message = r"each frame of \['air', 'coarse', 'longitude'\].*y, x, 4\).*None, 5\)"
    with pytest.raises(ModelError, match=message):
        physical(keras.Model(maps, maps[..., :2]), sample_of())


def with_sample(sample):
    return keras_wx.info("unet_ncep_air").model_copy(update={"sample": sample})


def test_transforms_that_wait_for_statistics(tmp_path):
    tiny = models.get("transfer_unet").tiny
    model = keras_wx.load("transfer_unet_merra2", weights=None, compile=False, **tiny)
    with pytest.raises(
        ModelError, match=r"\['dust_optical_depth'\] have no statistics .*fit_statistics"
    ):
        keras_wx.export(model, tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ModelError, match="no statistics yet"):  # not in a table of steps either
        check_transforms(keras_wx.info("ddpm_merra2_g5nr"), of_groups=True)


def test_transforms_of_groups():
    """As the error says, the transform of one of them makes a file possible."""
    numbers = {"DJF": {"low": 0, "high": 2}, "JJA": {"low": 1, "high": 5}}
    sample = sample_of(**GROUPED, statistics=numbers)
    message = r"\['coarse'\] .* each season, \['DJF', 'JJA'\].*keras_wx.predict runs"
    with pytest.raises(ModelError, match=message):
        check_transforms(with_sample(sample), of_groups=False)
    check_transforms(with_sample(sample), of_groups=True)
    summer = {"transform": sample.variables[1].transform_of("JJA")}
    one = {"coarse": summer | {"statistics_by": (), "statistics": {}}}
    changed = sample.merged({"variables": one})
    check_transforms(with_sample(changed), of_groups=False)
    assert changed.variables[1].transform(3) == 0.5


@pytest.mark.slow
def test_the_file_gives_what_predict_gives(tmp_path):
    """From arrays made by hand: lags, the coarse field on fine points, and the calendar."""
    model = export_cases.small("downscale_unet")
    times = np.datetime64("2013-02-26") + np.arange(22) * np.timedelta64(6, "h")
    lat, lon = 70 - 2.5 * np.arange(24), 210 + 2.5 * np.arange(51)
    air = 280 + 10 * np.random.default_rng(2).normal(size=(22, 24, 51)).cumsum(axis=0) / 5
    coarse = air.reshape(22, 8, 3, 17, 3).mean(axis=(2, 4))
    coarse_lat, coarse_lon = lat.reshape(8, 3).mean(axis=1), lon.reshape(17, 3).mean(axis=1)
    places = {"units": "degrees_north"}, {"units": "degrees_east"}
    pair = xr.Dataset(
        {
            "air": (("time", "lat", "lon"), air.astype("f4"), {"units": "K"}),
            "coarse_air": (
                ("time", "coarse_lat", "coarse_lon"), coarse.astype("f4"), {"units": "K"}
            ),
        },
        coords={
            "time": times.astype("datetime64[ns]"),
            "lat": ("lat", lat, places[0]),
            "lon": ("lon", lon, places[1]),
            "coarse_lat": ("coarse_lat", coarse_lat, places[0]),
            "coarse_lon": ("coarse_lon", coarse_lon, places[1]),
        },
    )  # fmt: skip
    forecast = keras_wx.predict(model, pair, init_times=pair.time[-1].values).air.values

    def onto_fine(field):
        """Bilinear, and constant beyond the outermost coarse points."""
        rows = [np.interp(lon, coarse_lon, row) for row in field]
        columns = np.stack(rows)[::-1].T
        return np.stack([np.interp(lat, coarse_lat[::-1], c) for c in columns], axis=-1)

    year = 2 * np.pi * (31 + 28 + 3 + 6 / 24 - 1) / 365  # of 3 March at 6
    maps = [
        *air[1:21],
        *air[17:21],
        *(onto_fine(field) for field in coarse[17:]),
        *np.broadcast_arrays(lat[:, None], lon, np.sin(year), np.cos(year)),
    ]
    x = np.stack(maps, axis=-1)[None].astype("float32")
    file = keras_wx.export(model, tmp_path / "small")
    received = reader(file)({"maps": x})["forecast"][0, ..., 0]
    export_cases.assert_equal(received, forecast.reshape(24, 51))
