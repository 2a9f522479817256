"""Finds the trained weights of a preset: on this machine, or through the network into the cache."""

from __future__ import annotations

import re
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from rich import progress as bars
from rich.console import Console

from keras_wx.errors import WeightsError, unknown_name
from keras_wx.spec import Preset, Weights
from keras_wx.zoo import cache
from keras_wx.zoo.download import download
from keras_wx.zoo.sources import Source, SourceError, candidates, offline, resolve

Tried = list[tuple[str, str]]
"""(place, why it did not give the file), in the order of trying."""


def fetch(name: str | Path, *, progress: bool = True) -> Path:
    """Makes sure that the weights of a preset are on this machine.

    Args:
        name: a preset, `"convlstm_hko"`, one of its variants, `"convlstm_hko.taasrad19"`, or a
            directory written by `keras_wx.save`, whose file is checked.
        progress: whether to show a progress bar, where there is a terminal.

    Returns:
        The verified file: the one that ships with the package, or the one in the cache.

    Raises:
        UnknownNameError: no such preset or variant.
        WeightsError: the preset has no weights, or no source gives them.

    Example:
        >>> keras_wx.fetch("convlstm_hko")   # later loads need no network
    """
    from keras_wx.zoo import presets

    preset = presets.get(name)
    if preset.variant is None:
        known = ", ".join(f"{preset.name}.{variant}" for variant in preset.weights.variants)
        raise WeightsError(
            f"The preset {preset.name!r} has no {'default' if known else 'trained'} weights. "
            + (f"Name a variant: {known}. " if known else "")
            + f"load({preset.name!r}, weights=None) gives a model with random weights."
        )
    directory = presets.saved_directory(name)
    return weights_path(preset, preset.variant, directory=directory, progress=progress)


def weights_path(
    preset: Preset, variant: str, *, directory: Path | None = None, progress: bool = True
) -> Path:
    """Finds the verified weight file of one variant of a preset, fetching it where needed.

    Tries in order: `directory`, the package, the cache, the mirror of `KERAS_WX_MIRROR`, the
    record's own sources. Size and SHA-256 are checked on every use, wherever the file stands.

    Args:
        preset: the preset.
        variant: a key of `preset.weights.variants`.
        directory: folder of a saved preset that may hold the file.
        progress: whether to show a progress bar, where there is a terminal.

    Raises:
        UnknownNameError: the preset has no such variant.
        WeightsError: no source gives the file; the message lists each with its reason.
    """
    if variant not in preset.weights.variants:
        raise unknown_name(f"weights variant of {preset.name!r}", variant, preset.weights.variants)
    record = preset.weights.variants[variant]
    if not re.fullmatch(r"\w[\w.+-]*\.weights\.h5", record.file):
        raise WeightsError(
            f"{preset.name}.{variant}: expected a plain file name that ends in .weights.h5. "
            f"Received: {record.file!r}"
        )
    tried: Tried = []
    for place, path in _on_this_machine(record, directory):
        reason = cache.fault(path, record)
        if reason is None:
            return path
        tried.append((f"{place} {path}", reason))
        if reason != cache.ABSENT:
            warnings.warn(f"The weight file {path} is not used: it {reason}.", stacklevel=2)
    path = _through_the_cache(record, tried, progress)
    if path is None:
        raise WeightsError(_advice(f"{preset.name}.{variant}", record, tried))
    return path


def _on_this_machine(record: Weights, directory: Path | None) -> Iterator[tuple[str, Path]]:
    if directory is not None:
        yield "saved preset", Path(directory) / record.file
    shipped = resources.files("keras_wx.zoo_configs") / "weights" / record.file
    yield "shipped with the package", Path(str(shipped))
    yield "cache", cache.path_of(record)


def _through_the_cache(record: Weights, tried: Tried, progress: bool) -> Path | None:
    """Fills the cache from the first source that gives the right file."""
    path = cache.path_of(record)
    sources = []
    for source in candidates(record):
        if offline() and not isinstance(source.place, Path):
            tried.append((source.name, "KERAS_WX_OFFLINE forbids the network"))
        else:
            sources.append(source)
    if not sources and cache.fault(path, record) == cache.ABSENT:
        return None
    with cache.reserved(path, record.bytes) as part:
        if cache.fault(path, record) is None:  # another process was faster
            return path
        path.unlink(missing_ok=True)
        for source in sources:
            cache.require_space(path, part, record.bytes)
            try:
                with _progress_bar(record, progress) as advance:
                    _fill(part, source, record, advance)
            except SourceError as error:
                tried.append((source.name, str(error)))
            else:
                cache.adopt(part, path)
                return path
    return None


def _fill(part: Path, source: Source, record: Weights, advance: Callable[[int], None]) -> None:
    """Makes `part` the file of `record`, or raises `SourceError` and leaves no wrong file."""
    if isinstance(source.place, Path):
        reason = cache.fault(source.place, record)
        if reason:
            raise SourceError(reason)
        shutil.copyfile(source.place, part)
    else:
        url = resolve(source)
        in_one_piece = download(url, part, record.bytes, advance)
        if not in_one_piece and cache.fault(part, record):
            part.unlink()  # an earlier piece may be the wrong one
            download(url, part, record.bytes, advance)
    reason = cache.fault(part, record)
    if reason:
        part.unlink()
        raise SourceError(f"gave a wrong file: it {reason}")


@contextmanager
def _progress_bar(record: Weights, wanted: bool) -> Iterator[Callable[[int], None]]:
    console = Console(stderr=True)
    with bars.Progress(
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.DownloadColumn(),
        bars.TransferSpeedColumn(),
        bars.TimeRemainingColumn(),
        console=console,
        disable=not (wanted and (console.is_terminal or console.is_jupyter)),
    ) as bar:
        task = bar.add_task(record.file, total=record.bytes)
        yield lambda done: bar.update(task, completed=done)


def _advice(name: str, record: Weights, tried: Tried) -> str:
    places = "\n".join(f"  - {place}: {reason}" for place, reason in tried)
    return (
        f"The weights {name!r} ({record.file}, {record.bytes} bytes) could not be had. Tried:\n"
        f"{places}\n"
        "What helps:\n"
        f"  - set KERAS_WX_MIRROR to a folder or URL that holds {record.file}, or\n"
        f"  - put the file at {cache.path_of(record)}\n"
        f"    (its SHA-256 must be {record.sha256}), or\n"
        "  - load it with weights=None for a model with random weights."
    )
