"""Builds models from presets, gives them their weights, and writes them back."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from keras_wx.baselines import Baseline
from keras_wx.errors import ModelError, WeightsError
from keras_wx.registry import models
from keras_wx.spec import Preset, Sample, Weights, WeightsTable
from keras_wx.zoo import presets
from keras_wx.zoo.overrides import overridden
from keras_wx.zoo.transfer import channel_changes, transfer

if TYPE_CHECKING:
    import keras

WEIGHTS_FILE = "model.weights.h5"


def load(
    name_or_directory: str | Path,
    *,
    weights: str | os.PathLike | None = "default",
    compile: bool = True,
    sample: Sample | Mapping[str, Any] | None = None,
    **overrides: Any,
) -> keras.Model | Baseline:
    """Loads a model of the zoo, with trained weights and its preset.

    Args:
        name_or_directory: a preset, `preset.variant`, an alias, or a directory written by `save`.
        weights: `"default"`, the name of a variant, the path of a `.weights.h5` file, or None for
            random weights. Nothing else gives random weights.
        compile: whether to compile with the preset's loss, optimizer and metrics.
        sample: what the model eats and gives, where it is not the preset's: a `Sample`, a whole
            section of a preset file, or the fields that change. `{"variables": ["reflectivity",
            "temperature"]}` takes these of the preset's variables, and a mapping changes some,
            takes some out (`{"temperature": None}`) or puts new ones in (see `Sample.merged`).
            Numbers of inputs and outputs follow the sample; numbers of frames and the grid follow
            the overrides.
        **overrides: changes of the preset's configuration (`output_frames=30`, `grid=(64, 64)`,
            `filters=[32, 32]`, ...). Every weight that still fits is kept, also the channels of
            the variables that remain; a warning names those that start at random and those that
            have no place any more.

    Returns:
        A `keras.Model` whose `preset` attribute says what it eats and gives. Baselines such as
        `"persistence"` come as objects with the same `predict`.

    Raises:
        UnknownNameError: no such preset or variant; the near ones are listed.
        WeightsError: the weights cannot be had, are damaged or do not fit.
        ModelError: an override that the architecture does not know or cannot build.
        PresetError: `sample` is none.

    Example:
        >>> model = keras_wx.load("convlstm_hko")
        >>> longer = keras_wx.load("convlstm_hko", output_frames=30)
        >>> keep = {"variables": ["reflectivity", "temperature"]}
        >>> smaller = keras_wx.load("unet3plus_kazr_era5", weights=None, sample=keep)
    """
    preset, file = _preset_and_weights(name_or_directory, weights)
    architecture = models.get(preset.architecture)
    model = build(overridden(preset, architecture, overrides, sample))
    if file is not None:
        _fill(model, preset, file, own=_is_file(weights))
    if compile and preset.training is not None:
        from keras_wx.zoo.compiling import compile_model

        compile_model(model, model.preset)
    return model


def _fill(model: keras.Model, original: Preset, file: Path, *, own: bool) -> None:
    """Gives a model the weights of a file: those of the preset without changes or, of a user's own
    file, perhaps of the model that is asked for."""
    from keras_wx.zoo.hdf5 import fits, load_weights

    preset = model.preset
    same = preset.config == original.config and not channel_changes(original, preset)
    source = model if same or (own and fits(file, model)) else build(original)
    load_weights(source, file)
    if source is not model:
        transfer(source, model)


def _is_file(weights: str | os.PathLike | None) -> bool:
    return isinstance(weights, os.PathLike) or str(weights).endswith(".h5")


def build(preset: Preset) -> keras.Model | Baseline:
    """The model of a preset with random weights, not compiled.

    Raises:
        ModelError: the configuration does not make a model.
    """
    architecture = models.get(preset.architecture)
    try:
        model = architecture(**preset.config, name=preset.name)
    except (TypeError, ValueError) as error:
        raise ModelError(
            f"{preset.full_name} cannot be built as {preset.architecture!r}: "
            f"{str(error).rstrip('. ')}. The whole configuration: {preset.config}"
        ) from error
    model.preset = preset
    return model


def rebuild(model: keras.Model | Baseline, **overrides: Any) -> keras.Model | Baseline:
    """The same model in another configuration, e.g. with a longer forecast, with its weights.

    Args:
        model: a model that carries its preset.
        **overrides: changes of its configuration, as in `load`.

    Returns:
        A new model; a warning names the weights that no longer fit.
    """
    preset = preset_of(model)
    new = build(overridden(preset, type(model), overrides))
    if getattr(model, "weights", None):
        transfer(model, new)
    return new


def preset_of(model: keras.Model | Baseline) -> Preset:
    """The preset that a model carries.

    Raises:
        ModelError: it carries none.
    """
    preset = getattr(model, "preset", None)
    if preset is None:
        raise ModelError(
            "The model carries no preset, which says what it eats and gives. Models from "
            "keras_wx.load have one; to a model of your own attach one by "
            f"model.preset = keras_wx.info(NAME). Received: {type(model).__name__}"
        )
    return preset


def save(model: keras.Model, directory: str | os.PathLike, *, overwrite: bool = False) -> Path:
    """Writes a model so that `load(directory)` gives it back: preset.yaml and model.weights.h5.

    Args:
        model: a model that carries its preset (`load` gives one).
        directory: where to; created if needed. A model of the same preset that was saved there is
            replaced, as training goes on; other files in it are left alone.
        overwrite: whether a model of another preset may be replaced too.

    Returns:
        The directory.

    Raises:
        ModelError: the model carries no preset, or the directory holds one of another preset.

    Example:
        >>> keras_wx.save(model, "my_nowcaster")
        >>> model = keras_wx.load("my_nowcaster")
    """
    preset = preset_of(model)
    directory = Path(directory).expanduser()
    if (directory / presets.PRESET_FILE).is_file() and not overwrite:
        there = presets.read(directory / presets.PRESET_FILE).name
        if there != preset.name:
            raise ModelError(
                f"{directory} holds a saved {there!r}. overwrite=True replaces it. "
                f"Received: a model of {preset.name!r}"
            )
    directory.mkdir(parents=True, exist_ok=True)
    config = model.get_config()
    update: dict[str, Any] = {
        "config": {key: value for key, value in config.items() if key != "name"},
        "variant": None,
    }
    # Complete files under other names first: a crash in between leaves the old pair in place.
    with tempfile.TemporaryDirectory(dir=directory, prefix=".saving-") as scratch:
        if getattr(model, "weights", None):
            weights = Path(scratch) / WEIGHTS_FILE
            model.save_weights(weights)
            update["weights"] = _saved_weights(preset, weights, name=directory.resolve().name)
            update["parameters"] = model.count_params()
        text = yaml.safe_dump(
            preset.model_copy(update=update).model_dump(mode="json", exclude_defaults=True),
            sort_keys=False,
            allow_unicode=True,
        )
        file = Path(scratch) / presets.PRESET_FILE
        file.write_text(text, encoding="utf-8")
        for name in (WEIGHTS_FILE, presets.PRESET_FILE):
            if (Path(scratch) / name).exists():
                os.replace(Path(scratch) / name, directory / name)
    return directory


def _saved_weights(preset: Preset, file: Path, name: str) -> WeightsTable:
    """The record of saved weights: a variant that is called like its folder."""
    origin = preset.weights.variants.get(preset.variant or "")
    kept = {} if origin is None else {"statistics": origin.statistics, "terms": origin.terms}
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    record = Weights(
        file=WEIGHTS_FILE,
        sha256=digest,
        bytes=file.stat().st_size,
        trained_on=f"saved by keras_wx.save; started from {preset.full_name}",
        **kept,
    )
    variant = re.sub(r"\W+", "_", name) or "saved"
    return WeightsTable(default=variant, variants={variant: record})


def preset_for(name: str | Path, weights: str | os.PathLike | None) -> Preset:
    """The preset that `load(name, weights=weights)` starts from, without looking at a weight file.

    Raises:
        UnknownNameError: no such preset or variant.
    """
    if weights is None:
        named_variant = presets.saved_directory(name) is None and "." in str(name)
        return presets.get(name) if named_variant else presets.base(name)
    if weights == "default" or _is_file(weights):
        return presets.get(name)
    return presets.base(name).resolved(weights)


def _preset_and_weights(name, weights) -> tuple[Preset, Path | None]:
    """The preset as the wanted weights have it, and the file that holds them."""
    preset = preset_for(name, weights)
    if weights is None:
        return preset, None
    if _is_file(weights):
        return preset, Path(weights).expanduser()
    if preset.variant is None:
        if issubclass(models.get(preset.architecture), Baseline):
            return preset, None
        raise WeightsError(
            f"{preset.name} has no trained weights yet. load({str(name)!r}, weights=None) gives "
            "random ones; keras_wx.list_models(pretrained=True) lists the trained models."
        )
    from keras_wx.zoo.weights import weights_path

    directory = presets.saved_directory(name)
    return preset, weights_path(preset, preset.variant, directory=directory)
