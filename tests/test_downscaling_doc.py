"""docs/downscaling.md: its programs run, its command lines are ones, its tables are complete."""

from __future__ import annotations

import pytest
from documented import check_command_lines, names_in_tables, page, pictures, program

import keras_wx
from keras_wx.baselines import Baseline
from keras_wx.diffusion import Sampler
from keras_wx.registry import models

DOC = page("downscaling.md")
SHORTER = {
    "pair.time[-40:]": "pair.time[-4:]",
    "members=8": "members=2",
    "members=32": "members=2",
    "epochs=3, steps_per_epoch=50": "epochs=1, steps_per_epoch=2",
    "steps_per_epoch=20": "steps_per_epoch=2",
    "lags=8": "lags=1",
    'init_times="all"': "init_times=mine.time[-2:].values",
    '"scheduler:8786"': "processes=False, n_workers=1, dashboard_address=None",
    '"/shared/fine.zarr"': '"shared.zarr"',
}


@pytest.mark.slow
def test_the_program_runs(shared_data, tmp_path, monkeypatch):
    name = "ncep_air_2013-2014.nc"
    (tmp_path / name).symlink_to(shared_data / name)
    pair = keras_wx.open_dataset("ncep_air", path=shared_data / name, step="6h").isel(
        time=slice(0, 30)
    )
    coarse = pair[["coarse_air"]].rename(coarse_air="air", coarse_lat="lat", coarse_lon="lon")
    for file, data in (
        ("fine_2013.nc", pair[["air"]]),
        ("coarse_2013.nc", coarse),
        ("terrain.nc", (0 * pair["air"][0]).rename("elevation").assign_attrs(units="m")),
    ):
        data.drop_attrs(deep=False).to_netcdf(tmp_path / file)
    monkeypatch.chdir(tmp_path)
    code = program(DOC, SHORTER)
    names: dict = {}
    exec(compile(code, "docs/downscaling.md", "exec"), names)
    names["client"].close()
    assert names["fine"].sizes == {"realization": 2, "time": 4, "lat": 24, "lon": 51}
    assert len(pictures(code)) == 7
    assert all((tmp_path / name).stat().st_size > 0 for name in pictures(code))
    assert keras_wx.load(tmp_path / "my_ddpm").preset.architecture == "ddpm"


def test_the_command_lines_have_options_that_there_are():
    check_command_lines(DOC)


def test_every_baseline_and_every_sampler_is_in_a_table():
    baselines = {
        name
        for name in keras_wx.list_models(task="downscale")
        if issubclass(models.get(keras_wx.info(name).architecture), Baseline)
    }
    samplers = {each.name for each in Sampler.__subclasses__()}
    assert baselines | samplers <= names_in_tables(DOC)
