"""`predict`: a dataset in, a forecast out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import timedelta
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from keras_wx.baselines import Baseline
from keras_wx.data.conform import conform, require_dataset
from keras_wx.data.timeaxis import time_step
from keras_wx.errors import DataError, ModelError
from keras_wx.inference.blocks import Batches, forecast_blocks
from keras_wx.inference.curtain import reconstruct
from keras_wx.inference.downscale import History, downscaled, with_target
from keras_wx.inference.history import InitTimes, init_frames
from keras_wx.inference.inputs import Inputs
from keras_wx.inference.layout import Pair, cover, default_batch_size
from keras_wx.inference.network import is_stochastic, seeded
from keras_wx.inference.output import Block, in_memory, in_zarr, outline, writable
from keras_wx.inference.progress import progress_bar
from keras_wx.inference.summary import Statistics
from keras_wx.inference.variable import for_variable_of
from keras_wx.spec import Sample
from keras_wx.transforms import ZR
from keras_wx.zoo.loading import preset_of, rebuild

if TYPE_CHECKING:
    import distributed
    import keras


def predict(
    model: keras.Model | Baseline,
    dataset: xr.Dataset,
    *,
    init_times: InitTimes = None,
    output_frames: int | None = None,
    members: int = 1,
    seed: int = 0,
    quantiles: Iterable[float] | None = None,
    thresholds: Iterable[float] | None = None,
    batch_size: int | None = None,
    tile: Pair | None = None,
    overlap: Pair | None = None,
    halo: Pair | None = None,
    history: History = "data",
    path: str | os.PathLike | None = None,
    client: distributed.Client | None = None,
    regrid: bool = False,
    resample: bool = False,
    convert_units: bool = False,
    zr: str | tuple[float, float] | ZR | None = None,
    progress: bool | None = None,
) -> xr.Dataset:
    """Forecasts from the frames of a dataset, in physical units.

    A model of curtains (task inpaint) fills the blind zone of every profile of the dataset: what
    was measured comes back as it was, to the bit, and the result has the dims
    `([realization,] time, height)` and the coordinate `blind_zone`, the mask. `init_times` and
    `output_frames` are for forecasts.

    A model of curtains with a probabilistic head knows the distribution of every gate of the blind
    zone. The forecast is its median, which is clear air where cloud is less likely than not.
    Members are drawn from it so that gates that are near lie at like quantiles (see
    `keras_wx.inference.ranks.Ranks`, for how alike and why). `quantiles` and `thresholds` add, in
    closed form and from one pass, what `keras_wx.summarise` finds of an ensemble.

    A model of task downscale gives fields of the fine grid with dims `([realization,] time, y, x)`,
    at `init_times` or else at every time that has what it reads. A network runs on tiles as large
    as those it learnt from, without their halo, blended as `keras_wx.inference.downscale.stitch`
    says; where its samples begin with noise, a member's noise is one field over all tiles. With
    `history="own"` each sample is read as history by those of the next times, member by member, and
    so the record of the fine field goes on as long as that of the coarse one. A run with `path=`
    that was ended goes on where it was when it is called again, and gives the same numbers.

    A model that fills the gaps of maps (task inpaint, layout channels) is run likewise. Its mask is
    1 where the data have no value, or what the variable of the mask says; what was measured comes
    back as it was, to the bit.

    Missing input is filled with the variable's `fill` of the preset. At a point where every frame
    that a forecast reads is missing (in any of several variables), the forecast is missing too.

    A baseline forecasts the variable that the dataset has, where that is not the one of its preset:
    `rover1`, `lucas_kanade` and `steps` rain rate in place of reflectivity, `persistence` any.

    A model that takes any grid is run on the whole domain, padded to a multiple of its patches. A
    model that was built for one grid, a network on more than 512 x 512 points, and any model with
    `tile=` is run on overlapping tiles, which are blended with Hann windows so that no seam shows
    (see `keras_wx.inference.tiles.tiling`).

    Args:
        model: from `keras_wx.load`, or any model with a `preset`. One whose forecasts differ from
            call to call says so by an attribute `stochastic = True`; one that needs a grid divided
            by more than its `patch_size` by `grid_multiple`.
        dataset: dims `(time, y, x)` or `(time, lat, lon)`, variables in physical units, as
            `keras_wx.open_dataset` gives it.
        init_times: when forecasts start: None for the latest frame that has a complete history,
            `"all"` for every one that has, n for every n-th of them, or a time or several.
        output_frames: another number of frames than the preset's. For many calls,
            `keras_wx.load(..., output_frames=...)` compiles the model once.
        members: of the ensemble, for a stochastic model.
        seed: of a stochastic model's draws. The same call gives the same forecast.
        quantiles: from 0 to 1, for a model that gives distributions: adds `<name>_quantile`, with
            `<name>_mean`, `<name>_std` and `cloud_probability`. None is 0.05, 0.5, 0.95 with
            `thresholds`, and none without. Those of an ensemble are `keras_wx.summarise`'s.
        thresholds: in the units of the target, for such a model: adds `<name>_probability` of a
            value at or above one, and the same others.
        batch_size: windows (start times or tiles) in one call of the model. None takes 8, and
            fewer where 8 would be more than 512 x 512 grid points; of curtains, one tile.
        tile: rows and columns of a tile, or one number for both; rounded up to what the model
            takes, and at most the domain: a large number runs the whole domain at once. None takes
            4096 profiles of a curtain.
        overlap: least number of rows and columns that neighbouring tiles share. None takes a
            quarter of the tile. Of a model of task downscale: exactly that number, at least twice
            the halo; None leaves a stride of half of what the halo leaves of a tile.
        halo: of a model of task downscale: rows and columns at the rim of a tile that do not count,
            but at the borders of the domain. None takes a quarter of the tile.
        history: where a model of task downscale reads earlier frames of its target: `"data"`, or
            `"own"` for its own samples from the first time on.
        path: writes the forecast block by block to a new Zarr store (`*.zarr`) and returns it
            opened but not read, so that memory stays bounded however long it is.
        client: of a dask cluster whose workers all reach `path`: they do the work of a model of
            task downscale, with the same numbers. None takes the current client, if there is one.
        regrid, resample, convert_units, zr: conversions that are allowed, see
            `keras_wx.data.conform.conform`. The forecast is on the grid that the model sees.
        progress: whether to show a bar. None shows one on a terminal, for more than one batch.

    Returns:
        A Dataset with dims `([realization,] init_time, lead_time, y, x)`, float32, each target in
        the preset's units; coordinates `init_time`, `lead_time`, `valid_time(init_time, lead_time)`
        and those of the grid; attributes with the name of the model and the data's source and
        license.

    Raises:
        DataError: for data that do not fit, too few frames, a gap between them, or missing values
            of a variable that has no `fill`.
        ModelError: for a model without a preset, an ensemble of a deterministic model, quantiles or
            probabilities of a model that gives values, or a tile that the model does not take.

    Example:

    ```python
    model = keras_wx.load("convlstm_hko")
    forecast = keras_wx.predict(model, radar, init_times="2016-09-28T15:30")
    forecast.reflectivity.sel(lead_time="30min")
    ```
    """
    preset = preset_of(model)
    _check_request(model, dataset, members, batch_size, output_frames, seed)
    if isinstance(model, Baseline) and zr is None:
        model = for_variable_of(dataset, model)
        preset = model.preset
    statistics = None
    if not (quantiles is None and thresholds is None):
        _check_gives_distributions(model, members)
        statistics = Statistics.of(quantiles, thresholds)
    path = None if path is None else writable(path)
    if output_frames not in (None, preset.sample.targets[0].frames):
        model = rebuild(model, output_frames=output_frames)
        preset = preset_of(model)
    sample = preset.sample
    if not sample.is_downscaling:
        _refuse_downscale_options(halo=halo, client=client, history=history)
    conversions = {
        "regrid": regrid,
        "resample": resample,
        "convert_units": convert_units,
        "zr": zr,
    }
    if sample.is_curtain:
        _refuse_forecast_options(init_times=init_times, output_frames=output_frames)
        return reconstruct(
            model,
            preset,
            conform(dataset, _inputs_only(sample), **conversions),
            members=members,
            seed=seed,
            statistics=statistics,
            batch_size=batch_size,
            tile=tile,
            overlap=overlap,
            path=path,
            progress=progress,
        )
    if sample.is_downscaling:
        dataset, readable = with_target(dataset, sample)
        return downscaled(
            model,
            preset,
            dataset,
            conform(dataset, readable, **conversions),
            init_times=init_times,
            members=members,
            seed=seed,
            batch_size=batch_size,
            tile=tile,
            overlap=overlap,
            halo=halo,
            history=history,
            path=path,
            client=client,
            progress=progress,
        )
    if len({target.steps for target in sample.targets}) > 1:
        raise ModelError(
            "predict runs models whose targets are forecast for the same steps. Received: "
            f"{ {target.name: target.steps for target in sample.targets} }"
        )

    inputs = Inputs(
        conform(dataset, _inputs_only(sample), **conversions),
        sample,
    )
    init = init_frames(inputs.times, sample, init_times)
    inputs.refuse_known_gaps(init)
    tiles = cover(model, inputs.shape, tile, overlap)
    step = np.timedelta64(_step(sample, inputs.times)).astype("m8[ns]")
    form = outline(
        preset,
        dataset,
        inputs.field,
        inputs.times[init],
        np.array(sample.targets[0].offsets) * step,
        members,
    )
    if is_stochastic(model):
        form.attrs["seed"] = seed
    batches = Batches.plan(
        len(init), members * len(tiles), batch_size or default_batch_size(tiles[0])
    )

    def blocks() -> Iterator[Block]:
        windows = members * len(init) * len(tiles)
        show = progress if windows > batches.windows else progress or False
        with progress_bar(preset.full_name, windows, show) as count, seeded(model, seed):
            yield from forecast_blocks(
                model,
                inputs,
                sample.targets,
                init,
                tiles,
                members=members,
                batches=batches,
                count=count,
            )
        inputs.warn_of_missing_forecasts()

    if path is None:
        return in_memory(form, blocks())
    return in_zarr(form, blocks(), path, together=batches.forecasts)


def _check_request(
    model: keras.Model | Baseline,
    dataset: xr.Dataset,
    members: int,
    batch_size: int | None,
    output_frames: int | None,
    seed: int,
) -> None:
    require_dataset("dataset", dataset)
    for name, value, least in (
        ("members", members, 1),
        ("batch_size", batch_size, 1),
        ("output_frames", output_frames, 1),
        ("seed", seed, 0),
    ):
        if value is not None and (not isinstance(value, Integral) or value < least):
            raise ModelError(
                f"{name}: expected a whole number, at least {least}. Received: {name}={value!r}"
            )
    if members > 1 and not is_stochastic(model):
        raise ModelError(
            f"{model.name} is deterministic: its members would all be the same. A model that draws "
            f"at random says `model.stochastic = True`. Received: members={members}"
        )


def _check_gives_distributions(model: keras.Model | Baseline, members: int) -> None:
    if getattr(model, "distribution", None) is None:
        raise ModelError(
            f"{model.name} gives values, and no distribution that quantiles and thresholds have a "
            "closed form of. Those of an ensemble: "
            "keras_wx.summarise(keras_wx.predict(..., members=50), quantiles=..., thresholds=...)"
        )
    if members > 1:
        raise ModelError(
            "quantiles and thresholds are of the distributions themselves, from one pass: expected "
            f"no members beside them. Received: members={members}"
        )
    if model.drops_out:
        raise ModelError(
            f"{model.name} has dropout that is on: quantiles and thresholds would be those of one "
            "draw of it. keras_wx.layers.switch_dropout(model, False) turns it off; or "
            "keras_wx.summarise(keras_wx.predict(..., members=50)) takes both into account."
        )


def _refuse_downscale_options(**options) -> None:
    given = [name for name, value in options.items() if value not in (None, "data")]
    if given:
        raise ModelError(f"{', '.join(given)}: expected none but for models of task downscale.")


def _refuse_forecast_options(**options) -> None:
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise ModelError(
            f"{', '.join(given)}: expected none for a model of curtains, which fills every profile "
            "of the dataset. dataset.sel(time=...) takes a part."
        )


def _inputs_only(sample: Sample) -> Sample:
    """The sample without its targets, which are what a forecast does not have yet."""
    variables = tuple(v for v in sample.variables if v.role != "target")
    return sample.model_copy(update={"variables": variables})


def _step(sample: Sample, times: np.ndarray) -> timedelta:
    step = sample.step or time_step(times)
    if step is None:
        raise DataError(
            "The preset leaves the time step open, and a dataset with one frame does not say it. "
            f"Give at least two frames. Received: {times[0].astype('datetime64[s]')}"
        )
    return step
