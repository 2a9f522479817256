"""Where a training step of `convlstm_hko` without peepholes spends its time, under TensorFlow.

Operators run on two threads at once, so their times add up to more than the step takes: what counts
is the share.

    python benchmarks/profile_convlstm.py
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import collections
import tempfile
from pathlib import Path

import tensorflow as tf
from bench_convlstm import keras_arm, ours
from report import table, update_section
from tensorflow.tsl.profiler.protobuf import xplane_pb2

STEPS = 5
# Not an operator: the run of a function that XLA compiled, here the gates and their gradient.
COMPILED = "CpuExecutable::ExecuteAsyncOnStream"
PARTS = {
    "convolution, forward": ("FusedConv2D", "Conv2D", "FusedConv3D", "Conv3D"),
    "convolution, gradient of the input": ("Conv2DBackpropInput", "Conv3DBackpropInputV2"),
    "convolution, gradient of kernel and bias": (
        "Conv2DBackpropFilterWithBias", "Conv2DBackpropFilter", "BiasAddGrad",
        "Conv3DBackpropFilterV2",
    ),
    "gates and their gradient": (COMPILED,),
    "split, concatenate, stack and their gradients": (
        "Split", "ConcatV2", "Slice", "Pack", "Unpack", "StridedSliceGrad", "StridedSlice",
    ),
    "sums of gradients": ("AddN", "AddV2", "Sum"),
    "casts": ("Cast",),
}  # fmt: skip


def operator_times(policy: str) -> collections.Counter:
    """Milliseconds a step of each operator type."""
    _, step = keras_arm(ours, policy)
    step(), step()
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        for _ in range(STEPS):
            step()
        tf.profiler.experimental.stop()
        space = xplane_pb2.XSpace()
        space.ParseFromString(next(Path(folder).rglob("*.xplane.pb")).read_bytes())
    times = collections.Counter()
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                name = plane.event_metadata[event.metadata_id].name
                # Operators are named "node:Type"; what else the profile holds wraps them.
                node, _, kind = name.rpartition(":")
                kind = kind.split("#")[0].removeprefix("_MklNative")
                if name == COMPILED:
                    kind = name
                elif not node or "::" in name or node.startswith("$") or not kind.isalnum():
                    continue
                times[kind] += event.duration_ps / 1e9 / STEPS
    return times


def main():
    rows = []
    measured = {policy: operator_times(policy) for policy in ("float32", "mixed_bfloat16")}
    for part, kinds in PARTS.items():
        rows.append([part, *(_share(times, kinds) for times in measured.values())])
    named = {kind for kinds in PARTS.values() for kind in kinds}
    rows.append(
        ["all others", *(_share(times, times.keys() - named) for times in measured.values())]
    )
    text = "`python benchmarks/profile_convlstm.py`; share of the time of all operators.\n\n"
    text += table(["part of a training step", "float32", "mixed_bfloat16"], rows)
    update_section("profile", "Where a training step of the ConvLSTM goes", text)


def _share(times: collections.Counter, kinds) -> str:
    return f"{sum(times[kind] for kind in kinds) / times.total():.0%}"


if __name__ == "__main__":
    main()
