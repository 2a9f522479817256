"""The callbacks that log a training run, opened and closed together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_wx.training.telemetry import Telemetry

if TYPE_CHECKING:
    import keras

    from keras_wx.data.pydataset import Samples


@contextmanager
def loggers(
    directory: Path,
    telemetry: Telemetry,
    *,
    names: Iterable[str] = ("csv",),
    wandb: bool | dict[str, Any] | None = None,
    record: dict[str, Any],
    epoch: int = 0,
    examples: Samples | None = None,
) -> Iterator[list[keras.callbacks.Callback]]:
    """Callbacks for `fit`, open as long as the `with` block.

    `fit` may be called several times inside. The order of callbacks is `[telemetry, *loggers, ...,
    the one that writes checkpoints]`: a row is in its file before the checkpoint that counts it,
    so that a run that is killed and goes on has every row once.

    Args:
        directory: of the run. `csv` writes `log.csv` (epochs) and `steps.csv` there,
            `tensorboard` the folder `tensorboard/`. Rows after `telemetry.step` and epochs from
            `epoch` on, which a run that was killed has left, are cut when the block begins.
        telemetry: the callback that counts the steps.
        names: of `"csv"` and `"tensorboard"`.
        wandb: None or False for no Weights & Biases, True for its usual settings, or a dict of
            options, see `keras_wx.training.logs.wandb.WandbLog`.
        record: what `keras_wx.training.provenance.record` gives: the configuration in W&B.
        epoch: the first epoch that will be trained (or trained on).
        examples: samples (not shuffled) whose first batch is forecast for pictures in W&B.

    Raises:
        UnknownNameError: a logger that does not exist.
        DataError: logs in `directory` that cannot be read.

    Example:

    ```python
    telemetry = Telemetry(step=checkpoint.step)
    with loggers(directory, telemetry, record=record, epoch=checkpoint.epoch) as logs:
        model.fit(train, callbacks=[telemetry, *logs, checkpoints])
    ```
    """
    raise NotImplementedError
    yield []
