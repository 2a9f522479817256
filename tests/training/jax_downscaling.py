"""Under JAX: a diffusion run with statistics, an encoder, a moving average and drawn fields; broken
off and gone on with, it equals an unbroken one."""

import sys
import tempfile
from pathlib import Path

import numpy as np
from small_downscaling import ddpm_folder, pair, transfer_folder
from test_train_resume import Killed, Killer

import keras_wx

with tempfile.TemporaryDirectory() as folder:
    folder, data = Path(folder), pair()
    network = keras_wx.load(transfer_folder(folder / "transfer"), weights=None)
    keras_wx.save(network, folder / "saved")
    preset = ddpm_folder(folder / "preset", ema=0.8)

    def run(name, **options):
        options |= {"encoder": folder / "saved", "val_members": 2, "checkpoint_every": 2}
        return keras_wx.train(preset, data, output_dir=folder / name, verbose=0, seed=3, **options)

    expected = run("unbroken")
    try:
        run("run", callbacks=[Killer(step=5)])
    except Killed:
        pass
    else:
        sys.exit("not killed")
    found = run("run")
    for ours, theirs in zip(found.model.weights, expected.model.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert found.history.equals(expected.history), (found.history, expected.history)
    val = keras_wx.samples(data, found.model.preset, split="val")
    best = keras_wx.load(folder / "run" / "best")
    np.testing.assert_allclose(
        best.evaluate(val, verbose=0), found.history["val_loss"][found.best_epoch], rtol=1e-4
    )
