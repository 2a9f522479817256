"""Sections of RESULTS.md, each written by the benchmark that measured it."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RESULTS = Path(__file__).with_name("RESULTS.md")
_HEAD = "# Results\n\nWritten by the scripts beside this file; each section says on what.\n"
_LIBRARIES = ("keras", "tensorflow", "jax", "torch", "numpy", "xarray", "xbatcher")


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; every column but the first is aligned to the right."""
    lines = [header, [":--", *["--:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine() -> str:
    """What the figures depend on: CPU, cores, Python and library versions."""
    versions = []
    for library in _LIBRARIES:
        try:
            versions.append(f"{library} {version(library)}")
        except PackageNotFoundError:
            continue
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{_cpu()}, {cores} cores; Python {platform.python_version()}, {', '.join(versions)}"


def update_section(name: str, title: str, text: str, path: Path = RESULTS) -> None:
    """Prints a section and writes it between its markers, at the end of the file if it is new.

    Args:
        name: name of the markers `<!-- name -->` and `<!-- /name -->`.
        title: heading.
        text: Markdown.
        path: the file.
    """
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    section = f"{begin}\n## {title}\n\n{machine()}\n\n{text}\n{end}"
    print(section)
    old = path.read_text() if path.exists() else _HEAD
    before, found, rest = old.partition(begin)
    if not found:
        new = f"{old.rstrip()}\n\n{section}\n"
    else:
        new = before + section + rest.partition(end)[2]
    path.write_text(new)


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
