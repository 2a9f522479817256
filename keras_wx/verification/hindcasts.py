"""Several models forecast from the same start times, in bounded memory, and are measured."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import xarray as xr

from keras_wx.data.windows import span
from keras_wx.errors import ModelError
from keras_wx.inference.inputs import MissingForecasts
from keras_wx.inference.network import is_stochastic
from keras_wx.inference.predict import predict
from keras_wx.inference.progress import progress_bar
from keras_wx.verification.ensemble import with_crps
from keras_wx.verification.verify import verify

if TYPE_CHECKING:
    import keras

    from keras_wx.baselines import Baseline
    from keras_wx.data.pydataset import Samples
    from keras_wx.spec import Sample, Variable

    Model = keras.Model | Baseline

T = TypeVar("T")

PIXELS_IN_MEMORY = 16_000_000
"""Pixels of one model's forecasts that are made before they are measured and forgotten."""

FRAMES_CACHE = 64 * 2**20
"""Bytes for frames that are looked at for rain."""


def least_value(target: Variable) -> float:
    """The least value that a model can say of a target, which `verify` takes as `floor`.

    Archives write "no echo" as 0, -10 or -32 dBZ. Where the model has one number for all of them,
    errors between them would drown those that matter. For a model without a least value, as the
    baselines are, it is the number by which its preset fills missing echo.
    """
    with np.errstate(all="ignore"):
        least = float(target.transform.inverse(target.transform(np.array(-np.inf))))
    return least if np.isfinite(least) or target.fill is None else float(target.fill)


def with_longest_history(sample: Sample, models: Iterable[Model]) -> Sample:
    """`sample` with as many frames of input as that of the models which reads the most."""
    histories = [model.preset.sample.input_steps for model in models]
    return sample.with_frames(input_frames=max(last - first + 1 for first, last in histories))


def start_windows(
    data: xr.Dataset,
    sample: Sample,
    *,
    split: str | None,
    stride: int,
    min_rain_fraction: float | None,
) -> Samples:
    """The windows that training would take, whole grids one after the other: forecasts start at
    their `init_times`. For the arguments see `keras_wx.samples`."""
    from keras_wx.data.samples import samples  # imports Keras

    return samples(
        data,
        sample,
        split=split,
        batch_size=1,
        shuffle=False,
        augment=(),
        crop=None,
        stride=stride,
        min_rain_fraction=min_rain_fraction,
        cache_bytes=FRAMES_CACHE,
    )


def score(
    models: Mapping[str, Model],
    data: xr.Dataset,
    sample: Sample,
    init_times: np.ndarray,
    *,
    thresholds: tuple[float, ...] | None,
    members: int = 1,
    seed: int = 0,
    batch_size: int | None,
) -> dict[str, xr.Dataset]:
    """Forecasts from many start times, compared with what was observed.

    Args:
        models: name -> model; all forecast the same number of frames.
        data: what `conform` gives for `sample`.
        sample: of the first model; its range holds for the forecasts of all.
        init_times: datetime64, each with a complete window in `data`.
        thresholds: of events, see `keras_wx.verify`.
        members: of the ensemble of each stochastic model; others forecast once.
        seed: of what they draw.
        batch_size: see `keras_wx.predict`.

    Returns:
        Name -> what `keras_wx.verify` returns of every start time and lead time; with a CRPS for
        every model where one of them has members.

    Raises:
        ModelError: members of deterministic models alone.
    """
    ensembles = [members_of(model, members) > 1 for model in models.values()]
    if members > 1 and not any(ensembles):
        raise ModelError(
            f"{', '.join(models)}: deterministic, the members would all be the same. A model that "
            f"draws at random says `model.stochastic = True`. Received: members={members}"
        )
    target = sample.targets[0]

    def measure(forecast: xr.Dataset, truth: xr.Dataset) -> xr.Dataset:
        return verify(
            forecast,
            truth,
            variable=target.name,
            thresholds=thresholds,
            preserve_dims=("init_time", "lead_time"),
            floor=least_value(target),
        )

    parts = forecast_all(
        models,
        data,
        sample,
        init_times,
        measure,
        members=members,
        seed=seed,
        batch_size=batch_size,
    )
    scores = {name: xr.concat(cases, "init_time") for name, cases in parts.items()}
    warn_of_unscored(scores)
    return {name: with_crps(found) if any(ensembles) else found for name, found in scores.items()}


def warn_of_unscored(cases: Mapping[str, xr.Dataset]) -> None:
    """Says at which start times there was nothing to compare.

    Args:
        cases: model -> `verify` of every start and lead time.
    """
    for name, found in cases.items():
        lost = found["init_time"].values[found["n_forecasts"].sum("lead_time").values == 0]
        if len(lost):
            first, last = lost[[0, -1]].astype("datetime64[m]")
            warnings.warn(
                f"{name}: {len(lost):,} of {found.sizes['init_time']:,} forecasts have no score, "
                f"the first from {first}, the last from {last}: the frames that they read are "
                "missing, or those to compare them with.",
                stacklevel=3,
            )


def forecast_all(
    models: Mapping[str, Model],
    data: xr.Dataset,
    sample: Sample,
    init_times: np.ndarray,
    measure: Callable[[xr.Dataset, xr.Dataset], T],
    *,
    members: int = 1,
    seed: int = 0,
    batch_size: int | None = None,
    failures: dict[str, Exception] | None = None,
) -> dict[str, list[T]]:
    """Hands the forecasts of each model to `measure`, some start times after the others.

    Args:
        models: name -> model; all forecast the same number of frames.
        data: what `conform` gives for `sample`.
        sample: says the window of frames around a start time. A model may look further back.
        init_times: datetime64, each with a complete window in `data`.
        measure: takes a forecast and the data that hold its truth.
        members: of the ensemble of each stochastic model; others forecast once.
        seed: of what they draw.
        batch_size: see `keras_wx.predict`.
        failures: takes the error of a model that fails, which is left out from there on, while the
            others go on. Without it, the error ends everything.

    Returns:
        Name -> what `measure` gave, in order of time, of the models that did not fail.
    """
    parts = {name: [] for name in models}
    target = sample.targets[0]
    most = max((members_of(model, members) for model in models.values()), default=1)
    size = max(1, PIXELS_IN_MEMORY // (most * target.frames * data[target.name][0].size))
    with (
        progress_bar("forecasting", len(init_times) * len(models), None) as count,
        warnings.catch_warnings(),
    ):
        # Told by `warn_of_unscored`, of all start times together.
        warnings.simplefilter("ignore", MissingForecasts)
        for begin in range(0, len(init_times), size):
            starts = init_times[begin : begin + size]
            block = frames_around(data, starts, sample, models.values())
            for name, model in models.items():
                if name in parts:
                    try:
                        forecast = predict(
                            model,
                            block,
                            init_times=starts,
                            members=members_of(model, members),
                            seed=seed,
                            batch_size=batch_size,
                            progress=False,
                        )
                        parts[name].append(measure(forecast, block))
                    except Exception as error:
                        if failures is None:
                            raise
                        failures[name] = error
                        del parts[name]
                count(len(starts))
    return parts


def members_of(model: Model, members: int) -> int:
    """How many members a model is asked for: a deterministic one has one."""
    return members if is_stochastic(model) else 1


def frames_around(
    data: xr.Dataset, init_times: np.ndarray, sample: Sample, models: Iterable[Model]
) -> xr.Dataset:
    """The frames that forecasts from some start times read and are compared with, in memory."""
    histories = [span(model.preset.sample, inputs_only=True)[0] for model in models]
    first, last = span(sample)
    steps = np.arange(min([first, *histories]), last + 1)
    needed = np.unique(np.add.outer(np.searchsorted(data["time"].values, init_times), steps))
    needed = needed[needed >= 0]  # a longer history than the sample's may not be there
    runs = np.split(needed, np.flatnonzero(np.diff(needed) > 1) + 1)
    # Slices, which a file gives at once; frame by frame it would read a chunk many times.
    parts = [data.isel(time=slice(run[0], run[-1] + 1)).load() for run in runs]
    if len(parts) == 1:
        return parts[0]
    # What does not change, such as the latitude of every point, stays as it is.
    return xr.concat(
        parts, "time", data_vars="minimal", coords="minimal", compat="override", join="override"
    )
