"""ONNX: one file for ONNX Runtime and what reads its format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from keras_wx.inference.export.physical import OUTPUT, Physical
from keras_wx.inference.export.record import RECORD_KEY


def write(physical: Physical, path: Path, record: str) -> None:
    import onnx

    model = _converted(physical)
    _fold(model)
    for array, value in zip(
        (*physical.inputs, physical.output), (*model.graph.input, *model.graph.output), strict=True
    ):
        for name, dim in zip(array.dims, value.type.tensor_type.shape.dim, strict=True):
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


def _converted(physical: Physical):
    """The graph with its weights.

    For tf2onnx the weights are arguments, and get their values afterwards: it copies every constant
    dozens of times, which would take memory of 80 times the weights.
    """
    import keras
    import onnx
    import tensorflow as tf
    import tf2onnx

    weights = {f"weight_{number}": v for number, v in enumerate(physical.model.variables)}

    def forecast(*tensors):
        arrays = dict(zip((array.name for array in physical.inputs), tensors, strict=False))
        values = tensors[len(arrays) :]
        with keras.StatelessScope(list(zip(weights.values(), values, strict=True))):
            return {OUTPUT: physical.call(arrays)}

    signature = [tf.TensorSpec(array.shape, name=array.name) for array in physical.inputs]
    signature += [tf.TensorSpec(v.shape, v.dtype, name) for name, v in weights.items()]
    model, _ = tf2onnx.convert.from_function(
        tf.function(forecast, autograph=False), signature, custom_op_handlers=_HANDLERS
    )
    # tf2onnx gives inputs in an order that differs from process to process.
    given = {value.name: value for value in model.graph.input}
    del model.graph.input[:]
    model.graph.input.extend(given[array.name] for array in physical.inputs)
    for name, variable in weights.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(variable.numpy(), name))
    return model


def _fold(model) -> None:
    """Computes what depends on weights alone, such as kernels with axes in the order of ONNX."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    graph = model.graph
    known = {tensor.name: tensor for tensor in graph.initializer}
    names, folded, rest = set(known), [], []
    for node in graph.node:  # each after those that it reads
        if names.issuperset(node.input):
            folded.append(node)
            names.update(node.output)
        else:
            rest.append(node)
    read = {name for node in rest for name in node.input}
    results = [name for node in folded for name in node.output if name in read]
    part = onnx.helper.make_graph(
        folded,
        "weights",
        [],
        [onnx.helper.make_empty_tensor_value_info(name) for name in results],
        [known[name] for node in folded for name in node.input if name in known],
    )
    part = onnx.helper.make_model(part, opset_imports=model.opset_import)
    values = ReferenceEvaluator(part).run(None, {})
    kept = [tensor for name, tensor in known.items() if name in read]
    kept += [
        onnx.numpy_helper.from_array(value, name)
        for name, value in zip(results, values, strict=True)
    ]
    for field, new in ((graph.initializer, kept), (graph.node, rest)):
        del field[:]
        field.extend(new)


def _log1p(ctx, node, name, args):
    """tf2onnx knows no `Log1p`, and ONNX has none: log(1 + x)."""
    import numpy as np

    shapes, dtypes = node.output_shapes, node.output_dtypes
    one = ctx.make_const(f"{node.name}_one", np.float32(1))
    added = ctx.make_node("Add", [node.input[0], one.output[0]])
    ctx.remove_node(node.name)
    ctx.make_node(
        "Log", added.output, outputs=node.output, name=node.name, shapes=shapes, dtypes=dtypes
    )


def _where(ctx, node, name, args):
    """tf2onnx multiplies both sides by 0 and 1 and adds them, whereby NaN is never left out."""
    node.type = "Where"


def _resize(ctx, node, name, args):
    """Of a known size tf2onnx writes a ratio in float32, whereby 7 points become 12 and not 13; of
    an open one the size itself."""
    from tf2onnx.onnx_opset.nn import Resize

    image = node.input[0]
    unknown = {"shapes": [4 * [-1]], "dtypes": [ctx.get_dtype(image)]}
    ctx.replace_input(node, image, ctx.make_node("Identity", [image], **unknown).output[0], 0)
    Resize.version_11(ctx, node)


_HANDLERS = {"Log1p": (_log1p, []), "SelectV2": (_where, []), "ResizeBilinear": (_resize, [])}
