"""Trains a tiny ConvLSTM while killing it: `kill_server.py FOLDER KILLS SEED`.

Each life of the run is a process of its own, forked from this one, which has imported TensorFlow
and not used it: it has a single thread (looked at before each fork), so that the child starts like
a fresh interpreter, less the seconds of the imports. SIGKILL comes a random time after the start,
or after the first step of a life.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

for library in ("OPENBLAS", "OMP", "MKL"):
    os.environ[f"{library}_NUM_THREADS"] = "1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras  # noqa: E402
import numpy as np  # noqa: E402
from small_run import radar  # noqa: E402

import keras_wx  # noqa: E402
import keras_wx.models.convlstm  # noqa: E402
import keras_wx.training.train  # noqa: E402

EPOCHS, STEPS = 40, 10


class Told(keras.callbacks.Callback):
    """Tells the parent that the first step of this life is done."""

    def __init__(self, pipe):
        super().__init__()
        self.pipe = pipe

    def on_train_batch_end(self, batch, logs=None):
        if self.pipe is not None:
            os.write(self.pipe, b".")
            self.pipe = None


def live(folder: Path, pipe: int) -> None:
    keras_wx.train(
        "convlstm_hko.taasrad19",
        radar(),
        output_dir=folder,
        config={
            "input_frames": 2,
            "output_frames": 2,
            "filters": [3],
            "dropout": 0.3,
            "first_guess": None,
        },
        sample={"grids": {"radar": {"shape": [8, 8], "spacing_km": 1.0}}, "filter": None},
        loss="mse",
        metrics=[],
        augment=["flip"],
        batch_size=2,
        epochs=EPOCHS,
        steps_per_epoch=STEPS,
        schedule="cosine",
        ema=0.9,
        accumulate=2,
        checkpoint_every=3,
        early_stopping=False,
        seed=3,
        verbose=0,
        callbacks=[Told(pipe)],
    )


def fork(folder: Path) -> tuple[int, int]:
    """Begins a life; gives the process and the pipe on which it tells of its first step."""
    assert len(os.listdir("/proc/self/task")) == 1, "a fork would copy locks of other threads"
    reader, writer = os.pipe()
    process = os.fork()
    if process:
        os.close(writer)
        return process, reader
    try:
        os.close(reader)
        live(folder, writer)
        os._exit(0)
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(1)


def main(folder: Path, kills: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    begin = time.monotonic()
    process, reader = fork(folder / "unbroken")
    os.read(reader, 1)
    start = time.monotonic() - begin
    assert os.waitpid(process, 0)[1] == 0
    training = time.monotonic() - begin - start
    print(f"start {start:.1f} s, training {training:.1f} s", flush=True)

    # A machine that has become faster may end a run early: the next kills are those of another.
    found = {"killed": 0, "before the first step": 0, "runs": 1}
    while found["killed"] < kills:
        process, reader = fork(folder / f"run-{found['runs']}")
        early = random.random() < 0.2
        if early:
            time.sleep(random.uniform(0, start))
        else:
            os.read(reader, 1)
            time.sleep(random.uniform(0, 1.5 * training / kills))
        os.kill(process, signal.SIGKILL)
        os.close(reader)
        status = os.waitpid(process, 0)[1]
        if os.WIFSIGNALED(status):
            found["killed"] += 1
            found["before the first step"] += early
        else:
            assert status == 0, status
            found["runs"] += 1
    process, reader = fork(folder / f"run-{found['runs']}")
    assert os.waitpid(process, 0)[1] == 0
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
