"""Makes an installed package out of nothing, to test what plug-ins may do."""

from __future__ import annotations

from pathlib import Path

NOWCAST = """
name: {name}
title: A preset for tests
task: nowcast
architecture: convlstm
config: {{input_frames: 2, output_frames: 3, patch_size: 2, filters: [4, 3]}}
sample:
  step: 5min
  grids: {{radar: {{shape: [8, 8], spacing_km: 1}}}}
  variables:
    - {{name: reflectivity, units: dBZ, role: input, grid: radar, steps: [-1, 0],
       transform: {{linear: {{low: 0, high: 60}}}}, fill: 0}}
    - {{name: reflectivity, units: dBZ, role: target, grid: radar, steps: [1, 3],
       transform: {{linear: {{low: 0, high: 60}}}}, fill: 0}}
training:
  loss: balanced_error
  optimizer: {{name: adam, learning_rate: 1.0e-2}}
  metrics: [{{name: csi, threshold: 20}}, mae]
{more}
"""


def nowcast_preset(name: str, more: str = "") -> str:
    """The text of a valid preset of a tiny network."""
    return NOWCAST.format(name=name, more=more)


def install(folder: Path, package: str, files: dict[str, str], entry_points: str) -> Path:
    """Writes a package with its metadata into `folder`, which is to join `sys.path`."""
    for name, text in {"__init__.py": "", **files}.items():
        file = folder / package / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    metadata = folder / f"{package}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(entry_points)
    return folder
