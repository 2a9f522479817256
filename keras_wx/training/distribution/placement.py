"""Where a run is trained, as `keras_wx.train` sees it."""

from __future__ import annotations

import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import keras

from keras_wx.data.pydataset import Samples
from keras_wx.errors import TrainingError
from keras_wx.training.distribution.parts import TrainParts, ValidationParts
from keras_wx.training.feed import Feed, Validation
from keras_wx.training.provenance import RUN_FILE
from keras_wx.training.saver import BEST, CHECKPOINTS
from keras_wx.zoo.presets import PRESET_FILE

_COPIED = (RUN_FILE, PRESET_FILE, CHECKPOINTS, BEST)


class Placement:
    """One device of one process: nothing is shared.

    Attributes:
        devices: among which each batch is divided.
        processes: in which they are.
        process: the number of this one. Number 0 is the chief.
    """

    devices = 1
    processes = 1
    process = 0

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run's folder, logs and messages."""
        return self.process == 0

    def scope(self) -> AbstractContextManager:
        """What the model is built and trained in."""
        return nullcontext()

    def adopt(self, model: keras.Model) -> None:
        """Makes the training of a compiled model the same on all devices as on one.

        Call it before anything else takes hold of its optimizer.
        """

    def check(self, model: keras.Model, train: Samples, val: Samples | None) -> None:
        """Refuses what the devices cannot share, before anything of the run is written.

        Args:
            model: with its preset, not compiled yet.
            train, val: its data.

        Raises:
            ModelError: it was built outside the scope.
            TrainingError: naming the size of the batch and the number of devices, or the option.
        """

    def train_data(self, feed: Feed) -> Any:
        """What `fit` trains on here, from the feed's step on."""
        return feed.to_tf() if keras.backend.backend() == "tensorflow" else iter(feed)

    def val_data(self, validation: Validation) -> Any:
        """What `fit` validates on here."""
        return validation

    def interval(self, every: int | str) -> int | str:
        """`checkpoint_every` as all processes understand it."""
        return every

    @property
    def agree(self) -> Callable[[int | None], int | None] | None:
        """What all processes make of a signal that came to one of them; None for one process."""
        return None

    @contextmanager
    def folder(self, directory: Path) -> Iterator[Path]:
        """Where this process writes a run.

        Args:
            directory: the run's.
        """
        yield directory


class Shared(Placement):
    """Several devices, each with an equal part of every batch.

    Args:
        devices: among which each batch is divided.
        processes: in which they are.
        process: the number of this one.
    """

    def __init__(self, devices: int, processes: int = 1, process: int = 0):
        self.devices = devices
        self.processes = processes
        self.process = process

    def check(self, model, train, val):
        for split, samples in {"train": train, "val": val}.items():
            if samples is not None:
                self._check_size(samples.batch_size, split)
        rest = len(train.init_times) % train.batch_size
        if rest and not train.drop_remainder:
            raise TrainingError(
                f"train: the last batch has {rest} windows and not {train.batch_size}, and "
                f"{self.devices} devices share whole ones. samples(..., drop_remainder=True) "
                "leaves it out."
            )

    def _check_size(self, size: int, split: str) -> None:
        rest = size % self.devices
        if rest:
            near = [str(n) for n in (size - rest, size - rest + self.devices) if n]
            raise TrainingError(
                f"{split}: a batch of {size} windows cannot be divided evenly among "
                f"{self.devices} devices. batch_size={' or '.join(near)} can."
            )

    def train_data(self, feed):
        return TrainParts(feed, self.process, self.processes)

    def val_data(self, validation):
        return ValidationParts(validation, self.devices, self.process, self.processes)

    def interval(self, every):
        if self.processes == 1 or isinstance(every, int):
            return every
        warnings.warn(
            f"checkpoint_every={every!r}: {self.processes} processes do not agree on the time. "
            "Checkpoints come at the ends of epochs alone; a number of steps gives more.",
            stacklevel=3,
        )
        return sys.maxsize

    @contextmanager
    def folder(self, directory):
        """The run's folder for the chief; for others a copy, which is deleted in the end.

        All of them then read and write alike, and none reads what another one is writing.
        """
        if self.processes == 1:
            yield directory
            return
        with tempfile.TemporaryDirectory(prefix="keras_wx-") as scratch:
            own = directory
            if not self.is_chief:
                own = Path(scratch) / directory.name
                _copy_run(directory, own)
            self.wait("the run's folder has been read")
            yield own
            self.wait("the run's folder has been written")

    def wait(self, what: str) -> None:
        """Waits until every process has come as far.

        Args:
            what: name of the place.
        """
        raise NotImplementedError


def _copy_run(directory: Path, to: Path) -> None:
    to.mkdir(parents=True)
    for name in _COPIED:
        source = directory / name
        if source.is_dir():
            shutil.copytree(source, to / name)
        elif source.exists():
            shutil.copyfile(source, to / name)
