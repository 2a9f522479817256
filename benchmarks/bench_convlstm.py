"""`convlstm_hko` without peepholes against the same network of Keras layers and of PyTorch.

A forecast and a training step (squared error, RMSprop) at 100x100, 5 -> 15 frames, batch 2, on the
same CPU, interleaved in one process. Two networks of `keras.layers.ConvLSTM2D` are measured, since
that layer cannot go without input: one whose forecaster reads one channel of zeros (the least work
that Keras layers allow), one whose forecaster reads the encoder's last state again and again (the
usual way). The PyTorch cell has one convolution of concatenated input and state, and, like ours, no
input in the forecaster's first layer.

    python benchmarks/bench_convlstm.py              # TensorFlow, with PyTorch; 2 minutes
    KERAS_BACKEND=jax python benchmarks/bench_convlstm.py --repetitions 2    # 17 minutes
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import argparse
import statistics
import time
from collections.abc import Callable

import keras
import numpy as np
from keras import layers, ops
from report import table, update_section

from keras_wx.models.convlstm import ConvLSTMForecaster

BATCH, INPUTS, OUTPUTS, GRID, PATCH, FILTERS = 2, 5, 15, 100, 2, 64
SMALL = GRID // PATCH

REFERENCES = ("Keras layers, zeros in, float32", "Keras layers, state in, float32")

Arm = tuple[Callable[[], object], Callable[[], object]]


def fields(frames: int) -> np.ndarray:
    return np.random.default_rng(0).random((BATCH, frames, GRID, GRID, 1), dtype="float32")


def keras_arm(build: Callable[[], keras.Model], policy: str) -> Arm:
    keras.mixed_precision.set_global_policy(policy)
    model = build()
    model.compile(optimizer=keras.optimizers.RMSprop(1e-3), loss="mse")
    x, y = fields(INPUTS), fields(OUTPUTS)
    return lambda: model.predict_on_batch(x), lambda: model.train_on_batch(x, y)


def ours() -> keras.Model:
    return ConvLSTMForecaster(INPUTS, OUTPUTS, filters=(FILTERS, FILTERS), peephole=None)


def keras_layers(forecaster_input: str) -> keras.Model:
    """The encoder-forecaster from `keras.layers.ConvLSTM2D`."""

    def convlstm(**kwargs):
        return layers.ConvLSTM2D(FILTERS, 3, padding="same", return_sequences=True, **kwargs)

    def patches(x):
        x = ops.reshape(x, (-1, INPUTS, SMALL, PATCH, SMALL, PATCH, 1))
        x = ops.transpose(x, (0, 1, 2, 4, 3, 5, 6))
        return ops.reshape(x, (-1, INPUTS, SMALL, SMALL, PATCH**2))

    def unpatch(x):
        x = ops.reshape(x, (-1, OUTPUTS, SMALL, SMALL, PATCH, PATCH, 1))
        x = ops.transpose(x, (0, 1, 2, 4, 3, 5, 6))
        return ops.reshape(x, (-1, OUTPUTS, GRID, GRID, 1))

    def first_input(h):
        h = h[:, None]
        if forecaster_input == "zeros":
            h = ops.zeros_like(h[..., :1])
        return ops.repeat(h, OUTPUTS, axis=1)

    frames = keras.Input((INPUTS, GRID, GRID, 1))
    x, states = layers.Lambda(patches)(frames), []
    for _ in range(2):
        x, h, c = convlstm(return_state=True)(x)
        states.append((h, c))
    x, outputs = layers.Lambda(first_input)(states[-1][0]), []
    for state in states:
        x = convlstm()(x, initial_state=state)
        outputs.append(x)
    x = layers.Conv3D(PATCH**2, 1, activation="sigmoid")(layers.Concatenate()(outputs))
    return keras.Model(
        frames, layers.Activation("linear", dtype="float32")(layers.Lambda(unpatch)(x))
    )


def torch_arm(bfloat16: bool) -> Arm:
    import torch
    from torch import nn
    from torch.nn import functional

    class Cell(nn.Module):
        def __init__(self, channels: int):
            super().__init__()
            self.gates = nn.Conv2d(channels + FILTERS, 4 * FILTERS, 3, padding=1)

        def forward(self, x, h, c):
            z = self.gates(h if x is None else torch.cat([x, h], dim=1))
            i, f, o, g = torch.split(z, FILTERS, dim=1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            return torch.sigmoid(o) * torch.tanh(c), c

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.ModuleList([Cell(PATCH**2), Cell(FILTERS)])
            self.forecaster = nn.ModuleList([Cell(0), Cell(FILTERS)])
            self.readout = nn.Conv2d(2 * FILTERS, PATCH**2, 1)

        def forward(self, frames):
            zeros = frames.new_zeros(len(frames), FILTERS, SMALL, SMALL)
            states = [(zeros, zeros), (zeros, zeros)]
            for frame in frames.unbind(1):
                x = functional.pixel_unshuffle(frame, PATCH)
                for rank, cell in enumerate(self.encoder):
                    states[rank] = cell(x, *states[rank])
                    x = states[rank][0]
            outputs = []
            for _ in range(OUTPUTS):
                x = None
                for rank, cell in enumerate(self.forecaster):
                    states[rank] = cell(x, *states[rank])
                    x = states[rank][0]
                y = self.readout(torch.cat([h for h, _ in states], dim=1))
                outputs.append(functional.pixel_shuffle(torch.sigmoid(y), PATCH))
            return torch.stack(outputs, dim=1)

    torch.set_num_threads(os.cpu_count())
    network = Network()
    optimizer = torch.optim.RMSprop(network.parameters(), 1e-3)
    x, y = (torch.from_numpy(np.moveaxis(fields(n), -1, 2).copy()) for n in (INPUTS, OUTPUTS))

    def autocast():
        return torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16)

    def forecast():
        with torch.no_grad(), autocast():
            return network(x)

    def step():
        optimizer.zero_grad()
        with autocast():
            loss = functional.mse_loss(network(x).float(), y)
        loss.backward()
        optimizer.step()

    return forecast, step


def arms(with_torch: bool) -> dict[str, Arm]:
    made = {
        "Keras layers, zeros in, float32": keras_arm(lambda: keras_layers("zeros"), "float32"),
        "Keras layers, state in, float32": keras_arm(lambda: keras_layers("state"), "float32"),
        "keras_wx, float32": keras_arm(ours, "float32"),
        "Keras layers, zeros in, bfloat16": keras_arm(
            lambda: keras_layers("zeros"), "mixed_bfloat16"
        ),
        "keras_wx, bfloat16": keras_arm(ours, "mixed_bfloat16"),
    }
    if with_torch:
        made["PyTorch cell, float32"] = torch_arm(bfloat16=False)
        made["PyTorch cell, bfloat16"] = torch_arm(bfloat16=True)
    return made


def measure(chosen: dict[str, Arm], repetitions: int) -> dict[str, tuple[list, list]]:
    """Seconds of forecasts and training steps, every arm once in each round."""
    for forecast, step in chosen.values():
        forecast(), step()
    seconds = {name: ([], []) for name in chosen}
    for _ in range(repetitions):
        for name, arm in chosen.items():
            for run, record in zip(arm, seconds[name], strict=True):
                start = time.perf_counter()
                run()
                record.append(time.perf_counter() - start)
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=9)
    options = parser.parse_args()
    backend = keras.backend.backend()
    load = os.getloadavg()[0]
    seconds = measure(arms(with_torch=backend == "tensorflow"), options.repetitions)
    rows = []
    for name, measured in seconds.items():
        row = [name]
        for kind, times in enumerate(measured):
            row.append(f"{statistics.median(times) * 1e3:.0f}")
            for reference in REFERENCES:
                # A ratio a round: both were measured within seconds of each other.
                pairs = zip(seconds[reference][kind], times, strict=True)
                row.append(f"{statistics.median(base / t for base, t in pairs):.2f}")
        rows.append(row)
    ratios = ["faster than zeros in", "faster than state in"]
    header = ["network", "forecast [ms]", *ratios, "training step [ms]", *ratios]
    text = (
        f"`python benchmarks/bench_convlstm.py` with KERAS_BACKEND={backend}; load average before "
        f"the run {load:.1f}. Ratios are to the two float32 networks of Keras layers.\n\n"
    )
    title = f"ConvLSTM under {backend}, {options.repetitions} interleaved rounds, medians"
    update_section(f"convlstm-{backend}", title, text + table(header, rows))


if __name__ == "__main__":
    main()
