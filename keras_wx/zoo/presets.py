"""Finds, reads and lists presets: the package's own, those of plug-ins, and saved directories."""

from __future__ import annotations

import fnmatch
import functools
import importlib.resources
from collections.abc import Iterator
from importlib.metadata import entry_points
from importlib.resources.abc import Traversable
from pathlib import Path

import yaml

from keras_wx import spec
from keras_wx.errors import PresetError, unknown_name
from keras_wx.spec import Preset, Task

PRESET_FILE = "preset.yaml"
BUILT_IN = "keras_wx.zoo_configs"
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def list_models(
    pattern: str = "*", *, task: Task | None = None, pretrained: bool | None = None
) -> list[str]:
    """Names of the zoo's presets, variants of weights included.

    Args:
        pattern: shell-style wildcards, matched against `preset` and `preset.variant`.
        task: only `"nowcast"`, `"inpaint"` or `"downscale"`.
        pretrained: True for presets that have trained weights, False for those that have none.

    Returns:
        Sorted names. A preset stands for its default weights; where the pattern names a variant
        (it holds a dot), `preset.variant` names are returned.

    Raises:
        UnknownNameError: `task` is none of the zoo's tasks.

    Example:
        >>> keras_wx.list_models("convlstm_*", pretrained=True)
        ['convlstm_hko']
    """
    if task is not None and task not in Task.__args__:
        raise unknown_name("task", task, Task.__args__)
    names = []
    for preset in _index().values():
        if task is not None and preset.task != task:
            continue
        if pretrained is not None and preset.pretrained != pretrained:
            continue
        names.append(preset.name)
        names.extend(f"{preset.name}.{variant}" for variant in preset.weights.variants)
    if "." not in pattern:
        names = [name for name in names if "." not in name]
    return sorted(fnmatch.filter(names, pattern))


def info(name: str) -> Preset:
    """A preset by name, with the sample that its weights were trained on.

    Printing it gives the model card.

    Args:
        name: a preset, `preset.variant`, an alias, or a directory written by `keras_wx.save`.

    Returns:
        The `Preset`, resolved to the variant (the default one unless the name says another).

    Raises:
        UnknownNameError: no preset or variant of this name; the near ones are listed.

    Example:
        >>> print(keras_wx.info("convlstm_hko"))
    """
    return get(name)


def get(name: str | Path) -> Preset:
    """The preset of a name or directory, resolved to a weights variant where it has one."""
    preset = base(name)
    variant = "" if saved_directory(name) else str(name).partition(".")[2]
    return preset.resolved(variant or preset.weights.default)


def base(name: str | Path) -> Preset:
    """The preset of a name or directory as its file says it, whatever variant the name says."""
    directory = saved_directory(name)
    if directory is not None:
        return read(directory / PRESET_FILE)
    stem = str(name).partition(".")[0]
    stem = _aliases().get(stem, stem)
    index = _index()
    if stem not in index:
        raise unknown_name("preset", str(name), [*index, *_aliases()])
    return index[stem]


def saved_directory(name: str | Path) -> Path | None:
    """The folder that `name` means, if it means one: it holds a preset file, or looks like a path.

    Raises:
        PresetError: `name` is a path, but no preset was saved there.
    """
    path = Path(name).expanduser()
    if (path / PRESET_FILE).is_file():
        return path
    if isinstance(name, Path) or len(path.parts) > 1 or path.is_absolute():
        raise PresetError(
            f"{path} is not a saved model: expected a folder with {PRESET_FILE}, as "
            "keras_wx.save(model, directory) writes it. Received: "
            + ("a folder without it." if path.is_dir() else "no such folder.")
        )
    return None


def read(file: Path | Traversable, parents: dict[str, Traversable] | None = None) -> Preset:
    """Reads and validates one preset file.

    Raises:
        PresetError: the file is no YAML, or does not follow the schema.
    """
    data = _parse(file)
    seen = [data.get("name")]
    while "extends" in data:
        parent = data.pop("extends")
        if parent in seen or not isinstance(parent, str) or parent not in (parents or {}):
            raise PresetError(
                f"{file}: extends: expected another preset of the same folder"
                f"{', without a circle' if parent in seen else ''}. Received: {parent!r}"
            )
        seen.append(parent)
        base = _parse(parents[parent])
        inherited = {k: v for k, v in base.items() if k not in ("aliases", "weights")}
        data = _merge(inherited, data)
    return spec.validate(data, str(file))


def _parse(file: Path | Traversable) -> dict:
    try:
        data = yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise PresetError(f"{file} is not valid YAML: {error}") from None
    if not isinstance(data, dict):
        raise PresetError(f"{file}: expected a mapping of preset keys. Received: {data!r:.200}")
    return data


def _merge(base: dict, changes: dict) -> dict:
    merged = dict(base)
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            value = _merge(base[key], value)
        merged[key] = value
    return merged


def _folders() -> Iterator[Traversable]:
    yield importlib.resources.files(BUILT_IN)
    for point in entry_points(group="keras_wx.presets"):
        yield importlib.resources.files(point.value)


@functools.cache
def _index() -> dict[str, Preset]:
    presets: dict[str, Preset] = {}
    for folder in _folders():
        files = {
            entry.name.removesuffix(".yaml"): entry
            for entry in folder.iterdir()
            if entry.name.endswith(".yaml")
        }
        for stem, file in sorted(files.items()):
            preset = read(file, parents=files)
            if preset.name != stem or stem in presets:
                raise PresetError(
                    f"{file}: expected the name {stem!r}, as the file says, used by one preset "
                    f"only. Received: {preset.name!r}"
                )
            presets[stem] = preset
    return presets


@functools.cache
def _aliases() -> dict[str, str]:
    aliases: dict[str, str] = {}
    for preset in _index().values():
        for alias in preset.aliases:
            if alias in aliases or alias in _index():
                raise PresetError(
                    f"The alias {alias!r} of preset {preset.name!r} is taken by another preset: "
                    f"{aliases.get(alias, alias)!r}"
                )
            aliases[alias] = preset.name
    return aliases
