"""ONNX: one file for ONNX Runtime and what reads its format."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from keras_wx.inference.export.physical import DIMS, OUTPUT, Physical
from keras_wx.inference.export.record import RECORD_KEY


def write(physical: Physical, path: Path, record: str) -> None:
    import onnx

    _teach_log1p()
    physical.model.export(path, format="onnx", input_signature=physical.signature, verbose=False)
    model = onnx.load(path)
    _rename(model.graph, model.graph.output[0].name, OUTPUT)
    for value in (*model.graph.input, *model.graph.output):
        for name, dim in zip(DIMS, value.type.tensor_type.shape.dim, strict=True):
            if not dim.HasField("dim_value"):
                dim.dim_param = name
    onnx.helper.set_model_props(model, {RECORD_KEY: record})
    onnx.save(model, path)


def reader(path: Path) -> Callable[[dict], dict]:
    """A function from arrays by name to arrays by name."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    names = [output.name for output in session.get_outputs()]
    return lambda x: dict(zip(names, session.run(names, x), strict=True))


@functools.cache
def _teach_log1p() -> None:
    """tf2onnx knows no `Log1p`, and ONNX has none: log(1 + x)."""
    import numpy as np
    from tf2onnx.handler import tf_op

    @tf_op("Log1p")
    class Log1p:
        @classmethod
        def version_1(cls, ctx, node, **kwargs):
            shapes, dtypes = node.output_shapes, node.output_dtypes
            one = ctx.make_const(f"{node.name}_one", np.float32(1))
            added = ctx.make_node("Add", [node.input[0], one.output[0]])
            ctx.remove_node(node.name)
            ctx.make_node(
                "Log", added.output, outputs=node.output, name=node.name,
                shapes=shapes, dtypes=dtypes,
            )  # fmt: skip


def _rename(graph, old: str, new: str) -> None:
    """Gives the output the name that it has in the other formats."""
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [new if name == old else name for name in names]
    graph.output[0].name = new
