"""`permutation_importance`: how much worse a network is with an input of other windows."""

from __future__ import annotations

import keras
import numpy as np
import xarray as xr

from keras_wx.data.pydataset import Samples
from keras_wx.errors import DataError, ModelError, unknown_name
from keras_wx.explain.channels import channels_of
from keras_wx.explain.dropout import without_dropout
from keras_wx.zoo.loading import preset_of


def permutation_importance(
    model: keras.Model,
    samples: Samples,
    *,
    repeats: int = 5,
    seed: int = 0,
    metric: str = "loss",
    batches: int | None = None,
) -> xr.Dataset:
    """Shuffles one input among the windows, and sees how much the loss grows. No training.

    All frames and gates of the input in a window stay together. It says what this network makes
    use of; what a network could do without, `channel_drop_importance` says: of two inputs that say
    the same, shuffling may find both, one or neither important. The mask of a blind zone stays.
    Dropout is off.

    Args:
        model: compiled, as `keras_wx.load` gives it.
        samples: held-out windows, `keras_wx.samples(dataset, model.preset, split="val")`.
        repeats: shuffles of each input.
        seed: of the shuffles.
        metric: `"loss"`, or the name of a metric that the model is compiled with.
        batches: how many of the samples' batches are taken, evenly spread; they are in memory
            together. None takes all.

    Returns:
        A Dataset with `importance (repeat, variable)`, the metric with the input shuffled less that
        without; and `reference`, the latter.

    Raises:
        ModelError: a model that is not compiled, or reads several arrays.
        DataError: no samples, or a single window.
        UnknownNameError: a metric that the model does not have.

    References:
        Breiman (2001), Random Forests, doi:10.1023/A:1010933404324, section 10.
        McGovern et al. (2019), Making the Black Box More Transparent, Bulletin of the American
        Meteorological Society 100, 2175-2199.

    Example:

    ```python
    val = keras_wx.samples(curtain, model.preset, split="val")
    keras_wx.explain.permutation_importance(model, val).importance.mean("repeat")
    ```
    """
    preset = preset_of(model)
    _check(model, samples, repeats, batches)
    x, y, *weight = _in_memory(samples, batches)
    channels = channels_of(preset.sample)
    rng = np.random.default_rng(seed)
    importance = np.empty((repeats, len(channels)))

    def score() -> float:
        found = model.evaluate(
            x,
            y,
            sample_weight=weight[0] if weight else None,
            batch_size=samples.batch_size,
            verbose=0,
            return_dict=True,
        )
        if metric not in found:
            raise unknown_name("metric", metric, found)
        return float(found[metric])

    with without_dropout(model):
        reference = score()
        for number, positions in enumerate(channels.values()):
            own = x[..., positions]
            for repeat in range(repeats):
                x[..., positions] = own[rng.permutation(len(x))]
                importance[repeat, number] = score() - reference
            x[..., positions] = own
    return xr.Dataset(
        {
            "importance": (
                ("repeat", "variable"),
                importance,
                {"long_name": f"Increase of {metric} with the input shuffled"},
            ),
            "reference": ((), reference, {"long_name": metric}),
        },
        {"variable": list(channels)},
        {
            "title": f"Permutation importance of {preset.full_name}",
            "model": preset.full_name,
            "windows": len(x),
        },
    )


def _check(model: keras.Model, samples: Samples, repeats: int, batches: int | None) -> None:
    if not isinstance(model, keras.Model) or not model.compiled:
        raise ModelError(
            "Expected a compiled network: its loss is what is looked at. keras_wx.load(...) gives "
            "one, model.compile(loss=...) makes one."
        )
    if not isinstance(samples, Samples):
        raise DataError(
            "Expected windows, keras_wx.samples(dataset, model.preset, split='val'). "
            f"Received: {type(samples).__name__}"
        )
    for name, count in (("repeats", repeats), ("batches", batches)):
        if count is not None and count < 1:
            raise DataError(f"{name}: expected at least 1. Received: {name}={count}")


def _in_memory(samples: Samples, batches: int | None) -> list[np.ndarray]:
    """x, y and, where there are any, sample weights of the windows."""
    count = len(samples) if batches is None else min(batches, len(samples))
    chosen = np.unique(np.linspace(0, len(samples) - 1, count).round().astype(int))
    parts = [samples[int(index)] for index in chosen]
    if any(isinstance(array, dict) for array in parts[0]):
        raise ModelError(
            f"Expected a model that reads and gives one array. Received: {list(parts[0][0])}"
        )
    arrays = [np.concatenate(each) for each in zip(*parts, strict=True)]
    if len(arrays[0]) < 2:
        raise DataError("Expected several windows to shuffle among. Received: one")
    return arrays
