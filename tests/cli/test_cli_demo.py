"""`demo`: every file that it names is there and good."""

from __future__ import annotations

import xarray as xr
from cli_radar import OUTPUT_FRAMES
from PIL import Image


def test_demo(run, model_folder, tmp_path):
    folder = tmp_path / "here" / "demo"
    folder.mkdir(parents=True)
    (folder / "forecast.nc").write_text("of an earlier demo")
    result = run("demo", "--model", model_folder, "--output", folder)
    assert result.exit_code == 0, result.output
    assert "Finnish Meteorological Institute" in result.stdout
    rows = [line.split() for line in result.stdout.splitlines()]
    models = [row[0] for row in rows if len(row) == 9 and row[1].startswith("0.")]
    assert models == ["convlstm_hko.tiny", "persistence"]

    files = sorted(path.name for path in folder.iterdir())
    assert files == ["film_strip.png", "forecast.gif", "forecast.nc", "skill.png"]
    assert all(name in result.stdout for name in files)
    with xr.open_dataset(folder / "forecast.nc") as forecast:
        assert forecast.reflectivity.sizes["lead_time"] == OUTPUT_FRAMES
        assert forecast.sizes["init_time"] > 3
        assert "Finnish Meteorological Institute" in forecast.attrs["attribution"]
    with Image.open(folder / "forecast.gif") as animation:
        assert animation.n_frames == OUTPUT_FRAMES
    for name in ("film_strip.png", "skill.png"):
        with Image.open(folder / name) as picture:
            assert picture.width > 600
