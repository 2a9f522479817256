"""The callbacks that log a training run, opened and closed together."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_wx.errors import unknown_name
from keras_wx.training.logs.csv import CsvLog
from keras_wx.training.logs.tensorboard import TensorBoardLog
from keras_wx.training.telemetry import Telemetry

if TYPE_CHECKING:
    import keras

    from keras_wx.data.pydataset import Samples

_FILES = {"csv": CsvLog, "tensorboard": TensorBoardLog}


@contextmanager
def loggers(
    directory: Path,
    telemetry: Telemetry,
    *,
    names: str | Iterable[str] = ("csv",),
    wandb: bool | Mapping[str, Any] | None = None,
    record: Mapping[str, Any],
    epoch: int = 0,
    examples: Samples | None = None,
) -> Iterator[list[keras.callbacks.Callback]]:
    """Callbacks for `fit`, open as long as the `with` block.

    `fit` may be called several times inside. The order of callbacks is `[telemetry, *loggers, ...,
    the one that writes checkpoints]`: a row is in its file before the checkpoint that counts it,
    so that a run that is killed and goes on has every row once.

    Args:
        directory: of the run; it exists. `"csv"` writes `log.csv` (epochs) and `steps.csv` there,
            `"tensorboard"` the folder `tensorboard/`. Rows after `telemetry.step` and epochs from
            `epoch` on, which a run that was killed has left, are cut when the block begins.
        telemetry: the callback that counts the steps.
        names: of `"csv"` and `"tensorboard"`.
        wandb: None or False for no Weights & Biases, True for its usual settings, or a mapping of
            options, see `keras_wx.training.logs.wandb.WandbLog`.
        record: what `keras_wx.training.provenance.record` gives: the configuration in W&B.
        epoch: the first that will be trained, or trained on.
        examples: samples whose forecasts are shown in W&B; None for no pictures.

    Raises:
        UnknownNameError: a logger or an option of W&B that does not exist.
        TrainingError: a file in the way that is no log, or TensorBoard without TensorFlow.

    Example:

    ```python
    telemetry = Telemetry(step=checkpoint.step)
    with loggers(directory, telemetry, record=record, epoch=checkpoint.epoch) as logs:
        model.fit(train, callbacks=[telemetry, *logs, checkpoints])
    ```
    """
    names = check_loggers(names, wandb)
    with ExitStack() as stack:
        callbacks: list[Any] = []
        for name in names:
            callbacks.append(_FILES[name](directory, telemetry, epoch))
            stack.callback(callbacks[-1].close)
        if wandb:
            log = _wandb_log(wandb, directory, telemetry, record, examples)
            callbacks.append(log)
            stack.push(lambda error, *_: log.close(exit_code=int(error is not None)))
        yield callbacks


def check_loggers(names: str | Iterable[str], wandb: bool | Mapping[str, Any] | None) -> list[str]:
    """The names as a list, before anything is written.

    Raises:
        UnknownNameError: a logger or an option of W&B that does not exist.
    """
    names = [names] if isinstance(names, str) else list(names)
    for name in names:
        if name not in _FILES:
            raise unknown_name("logger", name, _FILES, "Weights & Biases is the option wandb=.")
    if wandb and wandb is not True:
        # Only here: it imports the plots.
        from keras_wx.training.logs.wandb import WandbLog

        parameters = inspect.signature(WandbLog.__init__).parameters.values()
        known = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
        for name in wandb:
            if name not in known:
                raise unknown_name("option of Weights & Biases", name, known)
    return names


def _wandb_log(options, directory, telemetry, record, examples):
    # Only here: it imports the plots.
    from keras_wx.training.logs.wandb import WandbLog

    options = {} if options is True else dict(options)
    return WandbLog(directory, telemetry, record, examples, **options)
