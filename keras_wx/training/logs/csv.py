"""CSV files: a row an epoch in `log.csv`, a row a step in `steps.csv`."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import keras

from keras_wx.errors import TrainingError
from keras_wx.training.files import rewriting
from keras_wx.training.telemetry import Telemetry

EPOCHS_FILE = "log.csv"
STEPS_FILE = "steps.csv"


class CsvLog(keras.callbacks.Callback):
    """Writes every metric of every step and epoch; a row is in its file when the next begins.

    A run that was killed has rows after its last checkpoint. They are cut when it goes on, and come
    again: in the end every step and epoch is there once. Steps count from 1, epochs from 0, as in
    Keras.

    Args:
        directory: of the run; it exists.
        telemetry: counts the steps.
        epoch: the first that will be trained, or trained on.

    Raises:
        TrainingError: a file of this name that is no such log.
    """

    def __init__(self, directory: str | os.PathLike, telemetry: Telemetry, epoch: int = 0):
        super().__init__()
        self._telemetry = telemetry
        self._epoch = epoch
        self._epochs = _Table(Path(directory) / EPOCHS_FILE, "epoch", before=epoch)
        self._steps = _Table(Path(directory) / STEPS_FILE, "step", before=telemetry.step + 1)

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        self._steps.append({"step": self._telemetry.step, "epoch": self._epoch, **(logs or {})})

    def on_epoch_end(self, epoch, logs=None):
        self._epochs.append({"epoch": epoch, "step": self._telemetry.step, **(logs or {})})
        for table in (self._epochs, self._steps):
            table.flush_to_disk()

    def close(self) -> None:
        for table in (self._epochs, self._steps):
            table.close()


class _Table:
    """A CSV file that grows, in rows and now and then in columns.

    Args:
        path: of the file, which may be there already.
        key: the column that numbers the rows.
        before: rows from this number on are cut.
    """

    def __init__(self, path: Path, key: str, before: int):
        self._path, self._key = path, key
        self._columns: list[str] = []
        if path.exists():
            self._columns = self._header()
            self._rewrite(self._columns, before)
        self._file = path.open("a", encoding="utf-8", newline="")

    def append(self, row: dict) -> None:
        new = [column for column in row if column not in self._columns]
        if new:
            self._file.close()
            self._rewrite([*self._columns, *new])
            self._file = self._path.open("a", encoding="utf-8", newline="")
        csv.DictWriter(self._file, self._columns).writerow(row)
        self._file.flush()

    def flush_to_disk(self) -> None:
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()

    def _header(self) -> list[str]:
        header = next(self._lines(), [])
        if header and self._key not in header:
            raise TrainingError(
                f"{self._path} is no log of this training: expected a column {self._key!r}. "
                f"Received the columns {header}. Move it away, or choose another output_dir."
            )
        return header

    def _rewrite(self, columns: list[str], before: float = float("inf")) -> None:
        with rewriting(self._path) as file:
            writer = csv.DictWriter(file, columns)
            if columns:
                writer.writeheader()
            rows = self._lines() if self._path.exists() else iter(())
            header = next(rows, [])
            for row in rows:
                if len(row) == len(header) and int(row[header.index(self._key)]) < before:
                    writer.writerow(dict(zip(header, row, strict=True)))
        self._columns = columns

    def _lines(self) -> Iterator[list[str]]:
        """Rows as text, without one that was broken off, which has no end of line."""
        with self._path.open(encoding="utf-8", newline="") as file:
            yield from csv.reader(line for line in file if line.endswith("\n"))
