"""Runs exported files where neither keras_wx nor Keras can be imported.

    python bare_process.py FOLDER

The folder has `inputs.npz` and a model in files of any format. The forecasts go to `forecasts.npz`
beside them, the files' records to `records.json`. Files are opened as the documentation of each
runtime says, with nothing of the exporter.
"""

import json
import os
import sys
import zipfile
from pathlib import Path

for name in ("keras_wx", "keras", "tf_keras"):
    sys.modules[name] = None  # importing it raises ImportError
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np  # noqa: E402
import onnxruntime  # noqa: E402
import tensorflow as tf  # noqa: E402
from ai_edge_litert.interpreter import Interpreter  # noqa: E402


def saved_model(path):
    served = tf.saved_model.load(str(path))
    record = (path / "assets.extra" / "keras_wx.json").read_text(encoding="utf-8")
    return lambda x: served.serve(tf.constant(x))["forecast"].numpy(), record


def onnx(path):
    session = onnxruntime.InferenceSession(path)
    (given,) = session.get_inputs()
    record = session.get_modelmeta().custom_metadata_map["keras_wx"]
    return lambda x: session.run(["forecast"], {given.name: x})[0], record


def litert(path):
    interpreter = Interpreter(str(path))
    (given,), (wanted,) = interpreter.get_input_details(), interpreter.get_output_details()

    def run(x):
        interpreter.resize_tensor_input(given["index"], x.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(given["index"], x)
        interpreter.invoke()
        return interpreter.get_tensor(wanted["index"])

    return run, zipfile.ZipFile(path).read("keras_wx.json").decode()


READERS = {"saved_model": saved_model, "onnx": onnx, "litert": litert}

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    forecasts, records = {}, {}
    inputs = np.load(folder / "inputs.npz")
    for path in folder.glob("model_*"):
        kind = path.stem.removeprefix("model_")
        run, records[kind] = READERS[kind](path)
        forecasts |= {f"{kind}_{name}": run(inputs[name]) for name in inputs.files}
    np.savez(folder / "forecasts.npz", **forecasts)
    (folder / "records.json").write_text(json.dumps(records))
