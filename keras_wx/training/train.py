"""`keras_wx.train`: a run from recipe to weights, that goes on where it was stopped."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import pandas as pd
import xarray as xr
import yaml
from filelock import FileLock, Timeout

from keras_wx.data.pydataset import Samples
from keras_wx.errors import TrainingError
from keras_wx.spec import Preset, Sample, Training, WeightsTable
from keras_wx.training import provenance
from keras_wx.training.averages import AveragedValidation
from keras_wx.training.checkpoints import Checkpoints
from keras_wx.training.distribution import Placement, place
from keras_wx.training.draws import DrawnValidation
from keras_wx.training.encoder import named, take_encoder
from keras_wx.training.feed import Feed, Validation
from keras_wx.training.files import folder, rewriting
from keras_wx.training.fitted import fit_baseline, is_fitted_baseline
from keras_wx.training.freezing import freeze as freeze_layers
from keras_wx.training.guards import Guard
from keras_wx.training.interruption import interruptible
from keras_wx.training.logs import check_loggers, loggers
from keras_wx.training.preparation import (
    prepare_data,
    prepare_model,
    seed_all,
    with_statistics,
)
from keras_wx.training.rates import scale_rates
from keras_wx.training.result import TrainingRun
from keras_wx.training.saver import BEST, CHECKPOINTS, Saver, publish
from keras_wx.training.schedules import learning_rate
from keras_wx.training.state import Progress, Resume, build_all, read_progress
from keras_wx.training.stopping import Stopping
from keras_wx.training.telemetry import Telemetry, track
from keras_wx.zoo.compiling import compile_model
from keras_wx.zoo.hdf5 import load_weights
from keras_wx.zoo.loading import WEIGHTS_FILE
from keras_wx.zoo.presets import PRESET_FILE


def train(
    name: str | Path | keras.Model,
    train: xr.Dataset | Samples,
    val: xr.Dataset | Samples | bool | None = None,
    *,
    output_dir: str | Path,
    weights: str | Path | None = None,
    config: Mapping[str, Any] | None = None,
    sample: Sample | Mapping[str, Any] | None = None,
    samples: Mapping[str, Any] | None = None,
    val_samples: Mapping[str, Any] | None = None,
    val_members: int | None = None,
    seed: int = 0,
    encoder: str | Path | keras.Model | None = None,
    freeze: str | Sequence[str] = (),
    layer_rates: Mapping[str, float] | None = None,
    resume: bool = True,
    checkpoint_every: int | str = "10min",
    keep: int = 3,
    devices: int | str | Sequence[str] | None = None,
    logs: str | Iterable[str] = ("csv",),
    wandb: bool | dict[str, Any] | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: int | str = "auto",
    **recipe: Any,
) -> TrainingRun:
    """Trains a model of the zoo by the recipe of its preset, every value of which is an option.

    A run that was stopped, by Ctrl-C, a kill or a full disk, goes on with the same call: it ends
    with the weights and the log of a run that nothing has stopped. On one CPU they are the same bit
    for bit.

    Transforms that wait for numbers, as `standard` without a mean, get them from the training part,
    and the saved models have them. A baseline with numbers of its own, such as `quantile_mapping`,
    is fitted in one pass, and saved in `best/` likewise.

    Args:
        name: a preset, variant or saved directory, or a model that carries its preset.
        train: the data. A dataset is cut into the windows of its split "train", in an order and
            with an augmentation that `seed` fixes.
        val: data to validate on after each epoch; None for the split "val" of the same dataset,
            False for none. A dataset other than `train` that has no standard splits is used whole.
        output_dir: of the run: `run.yaml`, `preset.yaml`, `log.csv`, `checkpoints/`, and `best/`,
            which `keras_wx.load` opens.
        weights: to start from: "default", a variant or a `.weights.h5` file, such as that of a
            checkpoint of another run; None for random ones.
        config: changes of the architecture's configuration, as `keras_wx.load` takes them.
        sample: what the model eats and gives, where it is not the preset's: a `Sample`, or the
            fields that change, as `keras_wx.load` takes them.
        samples: further arguments of `keras_wx.samples` for datasets, such as `{"regrid": True}`.
        val_samples: those of them that differ for the validation, such as `{"stride": 15}`.
        val_members: of a model of task downscale: members that are drawn of a few windows after
            each epoch, 1 of a deterministic one. The log then has `val_crps` and `val_mae`, of
            their mean, in the units of the target, which compare models whose losses differ.
        seed: of weights, order, augmentation and dropout.
        encoder: of a model of task downscale that has a transfer encoder: where its weights come
            from. The folder of a run of `transfer_unet`, a saved one, a preset or the model.
        freeze: layers that stay as they are: names, patterns, parts such as "encoder", or
            "all but head".
        layer_rates: layer, pattern or part -> factor of its learning rate.
        resume: go on with the run that is in `output_dir`; False refuses if there is one.
        checkpoint_every: number of steps, or a time, after which there is a checkpoint within an
            epoch as well. Each epoch ends with one.
        keep: how many of the latest checkpoints stay.
        devices: that share every batch: a number, "all", or names such as `["gpu:0", "gpu:1"]`. A
            run may go on with others. See `keras_wx.training.distribution.place`, also for several
            processes.
        logs: `"csv"`, `"tensorboard"`, or both.
        wandb: None for no Weights & Biases, True, or a dict of options.
        callbacks: more callbacks for `fit`. What they remember is not in the checkpoints.
        verbose: of `fit`.
        **recipe: fields of `keras_wx.spec.Training` (`epochs`, `batch_size`, `loss`, `schedule`,
            `ema`, `early_stopping`, ...), `learning_rate`, or parts by dotted names:
            `**{"optimizer.clipnorm": 1.0}`.

    Returns:
        The model with the weights of its best epoch, the history, and the directory.

    Raises:
        TrainingError: the loss is no number or explodes, a checkpoint cannot be written, or the
            folder holds a run with another recipe or other data, whose keys are named.
        UnknownNameError: an option that no recipe has.
        DataError: data that do not fit, or that are not finite.

    Example:

    ```python
    run = keras_wx.train("convlstm_hko", radar, output_dir="runs/mine", weights="default", epochs=5)
    forecast = keras_wx.predict(run.model, radar)
    ```
    """
    output_dir = Path(output_dir).expanduser().resolve()
    if is_fitted_baseline(name):
        return fit_baseline(
            name,
            train,
            val,
            output_dir=output_dir,
            config=config,
            sample=sample,
            samples=samples,
            val_samples=val_samples,
            seed=seed,
            weights=weights,
            encoder=encoder,
            freeze=freeze,
            layer_rates=layer_rates,
            devices=devices,
            wandb=wandb,
            callbacks=callbacks,
            val_members=val_members,
            **recipe,
        )
    check_loggers(logs, wandb)
    placement = place(devices, name)
    if not placement.is_chief:
        logs, wandb, verbose = (), None, 0
    with (
        placement.folder(output_dir) as directory,
        folder(directory),
        _alone(directory),
        placement.scope(),
    ):
        seed_all(seed)
        model = prepare_model(name, weights=weights, config=config, sample=sample, recipe=recipe)
        if encoder is not None:
            take_encoder(model, encoder)
        model.preset = with_statistics(model.preset, train, val, samples)
        training = model.preset.training
        batches, held_out = prepare_data(
            train, val, model.preset, seed=seed, options=samples, val_options=val_samples
        )
        placement.check(model, batches, held_out)
        record = provenance.record(
            model.preset.model_copy(update={"training": None}),
            train,
            train if val is None else (val or None),
            seed,
            {
                **training.model_dump(mode="json"),
                "weights": None if weights is None else str(weights),
                # Only where there is one: earlier records of runs have no such key.
                **({} if encoder is None else {"encoder": named(encoder)}),
                **({} if val_members is None else {"val_members": val_members}),
                "freeze": freeze,
                "layer_rates": layer_rates or {},
                "samples": samples or {},
                "val_samples": val_samples or {},
            },
        )
        steps_per_epoch = training.steps_per_epoch or len(batches)

        freeze_layers(model, freeze)
        compile_model(model, model.preset)
        peak = float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))
        if schedule := learning_rate(training, peak, steps_per_epoch):
            model.optimizer.learning_rate = schedule
        placement.adopt(model)
        scale_rates(model, layer_rates or {})
        build_all(model, Feed(batches)[0])
        track(model)

        goes_on = _goes_on(directory, record, training, resume)
        checkpoint, progress = _checkpoint(directory, keep, steps_per_epoch)
        stopping = Stopping(
            training.early_stopping,
            monitor="loss" if held_out is None else "val_loss",
            state=progress.stopping,
        )
        saver = Saver(
            directory,
            steps_per_epoch=steps_per_epoch,
            epochs=training.epochs,
            stopping=stopping,
            progress=progress,
            every=placement.interval(checkpoint_every),
            keep=keep,
        )
        telemetry = Telemetry(step=progress.step)
        guard = Guard(
            Feed(batches),
            steps_per_epoch=steps_per_epoch,
            limit=training.loss_limit,
            step=progress.step,
        )
        draws = []
        if val_members is not None and placement.devices > 1:
            raise TrainingError(
                "val_members: fields are drawn on one device. Expected devices=None. Received: "
                f"val_members={val_members}, devices={devices!r}"
            )
        if val_members is not None:
            draws.append(DrawnValidation(model, held_out, val_members, seed=seed))
        if not goes_on:  # all that may be refused before the first step has been
            _begin(directory, record, model.preset)
        with (
            loggers(
                directory,
                telemetry,
                names=logs,
                wandb=wandb,
                record=record,
                epoch=progress.step // steps_per_epoch,
                examples=held_out if placement.devices == 1 else None,
            ) as opened,
            interruptible(placement.agree) as saver.interruption,
        ):
            _fit(
                model,
                batches,
                held_out,
                saver,
                checkpoint,
                placement,
                callbacks=[
                    *(telemetry, guard, AveragedValidation()),
                    *(*draws, *callbacks, stopping, *opened),
                ],
                verbose=verbose,
            )
        if stopping.best_epoch is None:
            raise TrainingError(
                f"{stopping.monitor} was NaN or infinite in all {len(progress.history)} epochs, so "
                f"that none is the best. The checkpoints are in {directory / CHECKPOINTS}."
            )
        load_weights(model, directory / BEST / WEIGHTS_FILE)
        history = pd.DataFrame(progress.history).set_index("epoch")
        return TrainingRun(model, history, output_dir, best_epoch=stopping.best_epoch)


def _fit(
    model: keras.Model,
    train: Samples,
    val: Samples | None,
    saver: Saver,
    checkpoint: Path | None,
    placement: Placement,
    *,
    callbacks: Sequence[keras.callbacks.Callback],
    verbose: int | str,
) -> None:
    """What is left of the run: the rest of an epoch that was broken off, then whole epochs."""
    progress, length = saver.progress, saver.steps_per_epoch
    while progress.step < saver.epochs * length and not progress.stopped:
        epoch, done = divmod(progress.step, length)
        feed, validation = Feed(train, progress.step), None if val is None else Validation(val)
        sources = [source for source in (feed, validation) if source is not None]
        try:
            model.fit(
                placement.train_data(feed),
                initial_epoch=epoch,
                epochs=epoch + 1 if done else saver.epochs,
                steps_per_epoch=length - done,
                validation_data=None if validation is None else placement.val_data(validation),
                callbacks=[Resume(checkpoint), *callbacks, saver],
                verbose=verbose,
                shuffle=False,
            )
        except (KeyboardInterrupt, SystemExit):
            if placement.is_chief:  # the folders of the others are copies
                print(f"Stopped {_position(saver)}", file=sys.stderr)
            raise
        except Exception as error:
            for source in sources:
                if source.error is not None:
                    raise source.error from None
            if not isinstance(error, OSError):
                raise
            # Of a checkpoint or a log: a full disk, as a rule.
            reason = os.strerror(error.errno) if error.errno else str(error)
            where = f": {error.filename}" if error.filename else ""
            raise TrainingError(f"{reason}{where}. The run has ended {_position(saver)}") from error
        finally:
            for source in sources:
                source.release()
        # The end of `fit` has written the moving average over the weights.
        checkpoint = saver.checkpoints.newest()


def _checkpoint(directory: Path, keep: int, steps_per_epoch: int) -> tuple[Path | None, Progress]:
    """The newest checkpoint of a run, and how far it is; what a kill has left is put right."""
    checkpoints = Checkpoints(directory / CHECKPOINTS, keep)
    checkpoints.tidy()
    newest = checkpoints.newest()
    if newest is None:
        return None, Progress()
    progress = read_progress(newest)
    best = progress.stopping.get("best_epoch")
    if best is not None and progress.step == (best + 1) * steps_per_epoch:
        # A kill may have come between the checkpoint of the best epoch and its copy.
        publish(newest, directory / BEST)
    return newest, progress


def _goes_on(directory: Path, record: dict[str, Any], training: Training, resume: bool) -> bool:
    """Whether the folder holds this run.

    A run that has no checkpoint, such as one with a mistake in its recipe, is none yet.

    Raises:
        TrainingError: it holds another one.
    """
    old = provenance.read(directory)
    if old is None or Checkpoints(directory / CHECKPOINTS).newest() is None:
        return False
    if not resume:
        raise TrainingError(
            f"{directory} holds a run already. resume=True goes on with it; another output_dir "
            "begins a new one."
        )
    may_become_longer = not training.schedule.needs_the_end
    provenance.require_same(
        old, record, directory, "run", but=["recipe.epochs"] if may_become_longer else []
    )
    return True


def _begin(directory: Path, record: dict[str, Any], preset: Preset) -> None:
    """Writes the record of a new run."""
    facts = preset.model_copy(update={"weights": WeightsTable(), "variant": None})
    text = yaml.safe_dump(
        facts.model_dump(mode="json", exclude_defaults=True),
        sort_keys=False,
        allow_unicode=True,
    )
    with rewriting(directory / PRESET_FILE) as file:
        file.write(text)
    provenance.write(record, directory)


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Refuses a second process in the same folder; the lock dies with its process."""
    try:
        with FileLock(directory / ".lock", timeout=0):
            yield
    except Timeout:
        raise TrainingError(
            f"Another process trains in {directory}. Each run needs an output_dir of its own."
        ) from None


def _position(saver: Saver) -> str:
    """Where a run has ended, and how it goes on."""
    step, total = saver.progress.step, saver.epochs * saver.steps_per_epoch
    newest = saver.checkpoints.newest()
    origin = f"from {newest}" if newest else "from its beginning: there is no checkpoint yet"
    return f"at step {step:,} of {total:,}; the same call goes on {origin}."
