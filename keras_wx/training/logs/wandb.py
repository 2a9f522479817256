"""Weights & Biases: one run for one training, whatever happens to its network."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from keras_wx.data.pydataset import Samples
from keras_wx.errors import unknown_name
from keras_wx.training.files import rewriting
from keras_wx.training.logs.aside import Aside
from keras_wx.training.logs.examples import CurtainExamples, Examples, FieldExamples, examples_of
from keras_wx.training.saver import BEST
from keras_wx.training.telemetry import Telemetry

ID_FILE = "wandb_run_id"
MODES = ("online", "offline", "disabled")
_LONGEST_TAG = 64
_GRACE = 15.0
"""Seconds after which W&B is taken for dead, beyond those after which it gives up by itself."""


class WandbLog(keras.callbacks.Callback):
    """Logs a training to Weights & Biases, and lets nothing there disturb it.

    Everything that W&B does, it does in a thread of its own: where it raises, hangs or is slow, the
    training goes on and one warning says so. Logged are

    * the record of the run as its configuration;
    * `batch/...` and `epoch/...`: every metric of every step and epoch, learning rate and
      gradient norm among them;
    * `examples`: forecasts of a few windows of validation after every epoch, as film strips or
      curtains, where the run has one device;
    * when the run ends, the folder `best/` of the run, weights and preset, as an artifact;
    * load of processors, memory and accelerators, which W&B measures itself.

    A run that was killed and goes on keeps its id, so that W&B shows it as one; steps that it had
    logged already are left out by W&B.

    Args:
        directory: of the run; W&B's own files come into `wandb/` there.
        telemetry: counts the steps.
        record: what `keras_wx.training.provenance.record` gives.
        samples: what the pictures are taken from; None for no pictures.
        project, entity, notes, job_type: of W&B.
        mode: `"online"`, `"offline"` or `"disabled"`; None leaves it to `WANDB_MODE`, and is
            `"online"` without it.
        name: of the run; by default the trial's values, or preset and directory.
        group: what runs of a sweep have in common.
        trial: the values that a sweep has chosen for this run.
        tags: beside the preset, the dataset, the git commit and the fingerprint of the data.
        examples: how many windows are shown.
        examples_every: after how many epochs each.
        patience: seconds that W&B has to begin, while the training goes on already, and again at
            the end for what is not uploaded yet; `wandb sync` uploads the rest from the files.
        settings: further `wandb.Settings`, by name.

    Raises:
        UnknownNameError: `mode` is none of the three.
    """

    def __init__(
        self,
        directory: str | os.PathLike,
        telemetry: Telemetry,
        record: Mapping[str, Any],
        samples: Samples | None = None,
        *,
        project: str = "keras_wx",
        entity: str | None = None,
        notes: str | None = None,
        job_type: str | None = None,
        mode: str | None = None,
        name: str | None = None,
        group: str | None = None,
        trial: Mapping[str, Any] | None = None,
        tags: tuple[str, ...] = (),
        examples: int = 2,
        examples_every: int = 1,
        patience: float = 120.0,
        settings: Mapping[str, Any] | None = None,
    ):
        super().__init__()
        if mode is not None and mode not in MODES:
            raise unknown_name("mode of Weights & Biases", mode, MODES)
        self._directory = Path(directory).absolute()
        self._telemetry = telemetry
        self._patience = patience
        self._examples_every = examples_every
        self._examples: Examples | CurtainExamples | FieldExamples | None = None
        self._run: Any = None
        # What is here is complete before the thread begins to read it.
        preset = record["preset"]["name"]
        self._arguments = {
            "project": project,
            "entity": entity,
            "notes": notes,
            "job_type": job_type,
            "mode": mode,
            "dir": str(self._directory),
            "id": _run_id(self._directory),
            "resume": "allow",
            # A run that the user has open elsewhere in this process stays the user's.
            "reinit": "create_new",
            "name": name or (trial_name(trial) if trial else f"{preset} {self._directory.name}"),
            "group": group,
            "tags": [*_tags(record), *(str(tag)[:_LONGEST_TAG] for tag in tags)],
            "config": {**record, **({"trial": dict(trial)} if trial else {})},
        }
        limits = {"init_timeout": patience, "finish_timeout": patience}
        # Not the console: all that is printed would pass through W&B's hands first.
        self._settings = {"console": "off", **limits, **(settings or {})}
        self._aside = Aside("Weights & Biases")
        self._aside.call(self._open, vital=True)
        if samples is not None and examples > 0:
            self._attempt(self._choose, samples, examples)

    def on_train_batch_end(self, batch, logs=None):
        self._log({f"batch/{name}": value for name, value in (logs or {}).items()})

    def on_epoch_end(self, epoch, logs=None):
        values = {f"epoch/{name}": value for name, value in (logs or {}).items()}
        self._log({"epoch": epoch, **values})
        if self._examples is not None and (epoch + 1) % self._examples_every == 0:
            self._attempt(self._draw)

    def close(self, exit_code: int = 0) -> None:
        """Ends the run: uploads the best model, and waits for W&B, but not for ever.

        Args:
            exit_code: 0 for a run that has ended well.
        """
        self._aside.call(self._upload_best)
        self._aside.call(self._finish, exit_code)
        self._aside.close(self._patience + _GRACE)

    def _log(self, values: dict[str, Any]) -> None:
        self._aside.call(self._send, values, self._telemetry.step)

    def _attempt(self, function, *arguments) -> None:
        """What has to be done in the thread that trains, and must not harm it either."""
        try:
            function(*arguments)
        except Exception as error:
            self._aside.note(f"no example forecasts, {type(error).__name__}: {error}")
            self._examples = None

    def _choose(self, samples: Samples, count: int) -> None:
        self._examples = examples_of(samples, count)

    def _draw(self) -> None:
        pictures = self._examples.draw(self.model)
        self._aside.call(
            self._send_pictures, pictures, self._examples.captions, self._telemetry.step
        )

    # What follows runs in the other thread.

    def _open(self) -> None:
        import wandb

        mode = self._arguments["mode"] or os.environ.get("WANDB_MODE", "online")
        if mode == "online" and not wandb.login(prompt=False):
            raise RuntimeError("no API key: `wandb login` asks for it, mode='offline' needs none")
        self._run = wandb.init(**self._arguments, settings=wandb.Settings(**self._settings))
        self._run.define_metric("epoch/*", step_metric="epoch")

    def _send(self, values: dict[str, Any], step: int) -> None:
        self._run.log(values, step=step)

    def _send_pictures(self, pictures: list, captions: list[str], step: int) -> None:
        import wandb

        images = [wandb.Image(p, caption=c) for p, c in zip(pictures, captions, strict=True)]
        self._run.log({"examples": images}, step=step)

    def _upload_best(self) -> None:
        import wandb

        folder = self._directory / BEST
        if not folder.is_dir():
            return
        config = self._arguments["config"]
        artifact = wandb.Artifact(
            f"{config['preset']['name']}-{self._arguments['id']}",
            type="model",
            metadata={"preset": config["preset"], "data": config["data"], "git": config["git"]},
        )
        artifact.add_dir(str(folder))
        self._run.log_artifact(artifact, aliases=["best"])

    def _finish(self, exit_code: int) -> None:
        self._run.finish(exit_code=exit_code)


def trial_name(values: Mapping[str, Any]) -> str:
    """A run by what its trial varies: `filters=32 learning_rate=0.001`."""
    return " ".join(
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in values.items()
    )


def _tags(record: Mapping[str, Any]) -> list[str]:
    train = record["data"]["train"]
    tags = [record["preset"]["name"], train["name"], f"data:{train['fingerprint'][:12]}"]
    if record["git"] is not None:
        tags.append(f"git:{record['git']['commit'][:12]}")
    return [tag[:_LONGEST_TAG] for tag in tags]


def _run_id(directory: Path) -> str:
    """The id of the run in this directory: a new one, unless it has one."""
    path = directory / ID_FILE
    if path.is_file() and (found := path.read_text(encoding="utf-8").strip()):
        return found
    with rewriting(path) as file:
        file.write(secrets.token_hex(4))
    return path.read_text(encoding="utf-8")
