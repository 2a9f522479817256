"""Where a training run comes from: preset, recipe, seed, data, code and machine.

The record of a run is a dictionary of plain values. A run can go on only where its `preset`,
`recipe`, `seed` and `data` are the same; its `environment`, `command` and `git` may differ.
"""

from __future__ import annotations

import importlib.metadata
import inspect
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import xarray as xr
import yaml
from pydantic import ValidationError
from pydantic_core import to_jsonable_python

import keras_wx
from keras_wx.data.pydataset import Samples
from keras_wx.data.samples import samples
from keras_wx.errors import DataError, TrainingError
from keras_wx.spec import Preset, Sample, Training
from keras_wx.training.files import rewriting
from keras_wx.training.fingerprint import fingerprint

RUN_FILE = "run.yaml"
_PACKAGES = ("tensorflow", "jax", "jaxlib", "numpy", "xarray", "pandas", "h5py", "dask")


def record(
    preset: Preset,
    train: xr.Dataset | Samples,
    val: xr.Dataset | Samples | None,
    seed: int,
    recipe: Training | Mapping[str, Any],
) -> dict[str, Any]:
    """All that it takes to do a training run again, as plain values for YAML and W&B.

    Args:
        preset: of the model, as it is trained.
        train: the data, see `keras_wx.training.fingerprint`. Of a dataset those variables count
            that the preset's sample reads.
        val: the validation data; may be `train` itself, or None.
        seed: of the run.
        recipe: the resolved training options.

    Returns:
        `preset` (without the table of trained weights), `recipe`, `seed`, `data` (name,
        fingerprint, variables, period and number of frames or windows of train and val),
        `environment` (versions, platform, devices, backend, precision), `command`, `git`
        (commit and whether it is dirty, of the working directory; None outside a repository).
    """
    described = {"train": _describe(_read_by(preset.sample, train))}
    if val is not None:
        same = val is train
        described["val"] = described["train"] if same else _describe(_read_by(preset.sample, val))
    return {
        "preset": preset.model_dump(mode="json", exclude_defaults=True, exclude={"weights"}),
        "recipe": to_jsonable_python(recipe, fallback=_plain),
        "seed": seed,
        "data": {part: dict(facts) for part, facts in described.items()},
        "environment": environment(),
        "command": shlex.join(sys.argv),
        "git": git_state(Path.cwd()),
    }


def write(record: Mapping[str, Any], directory: str | os.PathLike) -> Path:
    """Writes `run.yaml` into a directory that exists, whole or not at all; returns its path."""
    path = Path(directory) / RUN_FILE
    with rewriting(path) as file:
        yaml.safe_dump(dict(record), file, sort_keys=False, allow_unicode=True)
    return path


def read(directory: str | os.PathLike) -> dict[str, Any] | None:
    """The record in a directory, None where there is none.

    Raises:
        DataError: the file there is no record.
    """
    path = Path(directory) / RUN_FILE
    if not path.is_file():
        return None
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is damaged: {error}") from error
    if not isinstance(found, dict):
        raise DataError(f"{path}: expected the record of a training run. Received: {found!r:.200}")
    return found


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What keeps a run with record `old` from going on with `new`; empty where nothing does.

    Returns:
        Dotted key, such as `recipe.batch_size` or `data.train.fingerprint` -> both values, None
        where there is none.
    """
    before, now = _comparable(old), _comparable(new)
    return {
        key: (before.get(key), now.get(key))
        for key in sorted(before.keys() | now.keys())
        if before.get(key) != now.get(key)
    }


def require_same(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    directory: Path,
    what: str,
    *,
    but: Iterable[str] = (),
) -> None:
    """Refuses to go on with something else than what a folder holds.

    Args:
        old: the record in the folder.
        new: that of the call.
        directory: the folder.
        what: it holds: `"run"` or `"search"`.
        but: dotted keys that may differ.

    Raises:
        TrainingError: the keys that differ, with both values.
    """
    found = {key: both for key, both in differences(old, new).items() if key not in but}
    if not found:
        return
    lines = [
        f"  {key}: {before!r} in the {what}, {now!r} now" for key, (before, now) in found.items()
    ]
    raise TrainingError(
        f"{directory} holds a {what} that differs in\n" + "\n".join(lines) + "\nThe same values "
        "go on with it; another output_dir begins a new one."
    )


def environment() -> dict[str, Any]:
    """Versions, machine, devices, backend and precision of this process."""
    return {
        "keras_wx": keras_wx.__version__,
        "keras": keras.__version__,
        **{name: version for name in _PACKAGES if (version := _version(name))},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "backend": keras.backend.backend(),
        "devices": _devices(),
        "dtype_policy": keras.config.dtype_policy().name,
    }


def git_state(directory: Path) -> dict[str, Any] | None:
    """Commit of a working directory, and whether tracked files differ from it; None without git."""

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(directory), *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
        ).stdout.strip()

    try:
        return {
            "commit": git("rev-parse", "HEAD"),
            "dirty": bool(git("status", "--porcelain", "--untracked-files=no")),
        }
    except (OSError, subprocess.SubprocessError):
        return None


def _read_by(sample: Sample, data: xr.Dataset | Samples) -> xr.Dataset | Samples:
    """A dataset without what the sample does not read; all of it where `zr` makes what it reads."""
    if isinstance(data, Samples):
        return data
    names = {variable.name for variable in sample.of_role("input", "target", "static")}
    if not names <= set(data.data_vars):
        return data
    names |= {variable.name for variable in sample.of_role("mask")}
    if sample.blind_zone is not None:
        names.add(sample.blind_zone.variable)
    return data[[name for name in data.data_vars if name in names]]


def _describe(data: xr.Dataset | Samples) -> dict[str, Any]:
    facts: dict[str, Any] = {"name": _name(data), "fingerprint": fingerprint(data)}
    if isinstance(data, Samples):
        times = data.init_times
        variables = [variable.name for variable in data.sample.variables]
        facts |= {"split": data.split, "windows": len(times)}
    else:
        times = data["time"].values if "time" in data.coords else np.array([])
        variables = [str(name) for name in data.data_vars]
        facts |= {"sizes": {str(dim): int(size) for dim, size in data.sizes.items()}}
    facts["variables"] = sorted(set(variables))
    if times.size:
        facts["period"] = [str(np.datetime_as_string(times[i], unit="s")) for i in (0, -1)]
    return facts


def _name(data: xr.Dataset | Samples) -> str:
    """What a person calls the dataset: its title, or the beginning of its source, or its file."""
    if isinstance(data, Samples):
        attrs, encoding = {}, data.fields[0][1].encoding
    else:
        attrs = data.attrs
        fields = list(data.data_vars.values())
        encoding = data.encoding if "source" in data.encoding or not fields else fields[0].encoding
    said = attrs.get("title") or str(attrs.get("source", "")).split(":")[0].split(";")[0]
    return str(said).strip() or Path(str(encoding.get("source", "unnamed"))).stem


def _comparable(record: Mapping[str, Any]) -> dict[str, Any]:
    data = {part: {"fingerprint": f["fingerprint"]} for part, f in record.get("data", {}).items()}
    kept = {key: record.get(key) for key in ("preset", "seed")}
    return dict(_leaves({**kept, "recipe": _complete(record.get("recipe", {})), "data": data}))


def _complete(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe as it would be said today: a field that came later makes no older run another.

    Nor does it matter whether an argument of `keras_wx.samples` was given that is its default, or
    one pattern to `freeze` as a text or in a list.
    """
    recipe = dict(recipe)
    if isinstance(recipe.get("freeze"), str):
        recipe["freeze"] = [recipe["freeze"]]
    if "samples" in recipe:
        parameters = inspect.signature(samples).parameters.values()
        usual = {p.name: p.default for p in parameters if p.default is not p.empty}
        recipe["samples"] = usual | recipe["samples"]
    known = {key: value for key, value in recipe.items() if key in Training.model_fields}
    try:
        training = Training.model_validate(known)
    except ValidationError:  # fields that today's recipe does not know, or not all of one
        return recipe
    return {**recipe, **training.model_dump(mode="json")}


def _leaves(tree: Mapping[str, Any], prefix: str = ""):
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if hasattr(value, "get_config"):
        return keras.saving.serialize_keras_object(value)
    return repr(value)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def _devices() -> list[str]:
    """Such as `cpu:0`, or `gpu:0 (NVIDIA H200)` where the backend knows the name."""
    if keras.backend.backend() == "jax":
        import jax

        return [f"{d.platform}:{d.id} ({d.device_kind})" for d in jax.devices()]
    return keras.distribution.list_devices()
