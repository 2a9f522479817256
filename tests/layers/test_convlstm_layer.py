"""The ConvLSTM layer against plain NumPy, finite differences and keras.layers.ConvLSTM2D."""

import itertools
import math

import keras
import numpy as np
import pytest
import reference_convlstm as reference
from keras import ops

from keras_wx.errors import ModelError
from keras_wx.layers import ConvLSTM

BATCH, TIME, HEIGHT, WIDTH, CHANNELS, FILTERS = 1, 3, 3, 4, 2, 2

# peephole, has_input, given initial state, kernel_size, input_kernel_size
CASES = [
    ("channel", True, False, 3, None),
    ("channel", True, True, 3, 5),
    ("channel", True, False, 1, 3),
    ("channel", False, True, 3, None),
    ("full", True, True, 3, None),
    ("full", False, True, 5, None),
    (None, True, False, 3, None),
    (None, True, True, 3, 1),
    (None, False, True, 3, None),
]


class Case:
    """A layer with random weights, its input, and the same for the reference."""

    def __init__(self, peephole, has_input, given_state, kernel, input_kernel, dtype="float32"):
        rng = np.random.default_rng(7)
        self.layer = ConvLSTM(FILTERS, kernel, input_kernel, peephole, has_input, dtype=dtype)
        grid = (HEIGHT, WIDTH)
        sequence = rng.normal(size=(BATCH, TIME, *grid, CHANNELS)).astype(dtype)
        state = [rng.normal(size=(BATCH, *grid, FILTERS)).astype(dtype) for _ in range(2)]
        self.arguments = {
            "sequence": sequence if has_input else None,
            "initial_state": state if given_state else None,
            "steps": None if has_input else TIME,
        }
        self.layer(**self.arguments)  # builds
        for variable in self.layer.weights:
            variable.assign(rng.normal(size=variable.shape, scale=0.5))
        self.variables = {variable.name: variable for variable in self.layer.weights}
        self.weights = {name: as_float64(variable) for name, variable in self.variables.items()}

    def reference(self, weights, sequence, state):
        return reference.run(weights, sequence=sequence, state=state, steps=TIME)

    @property
    def reference_input(self):
        sequence, state = self.arguments["sequence"], self.arguments["initial_state"]
        return (
            None if sequence is None else sequence.astype("float64"),
            None if state is None else [part.astype("float64") for part in state],
        )


def as_float64(tensor):
    return ops.convert_to_numpy(tensor).astype("float64")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_forward_equals_plain_numpy(case):
    case = Case(*case)
    expected = case.reference(case.weights, *case.reference_input)
    for result, reference_result in zip(case.layer(**case.arguments), expected, strict=True):
        np.testing.assert_allclose(as_float64(result), reference_result, atol=1e-5, rtol=0)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_gradient_equals_complex_step_of_plain_numpy(case):
    """d(loss)/dw = Im loss(w + ih) / h, exact to rounding, for every weight and input element."""
    case = Case(*case, dtype="float64")
    rng = np.random.default_rng(11)
    cotangents = [rng.normal(size=(BATCH, TIME, HEIGHT, WIDTH, FILTERS))]
    cotangents += [rng.normal(size=(BATCH, HEIGHT, WIDTH, FILTERS)) for _ in range(2)]

    def loss(weights, sequence, state):
        results = case.reference(weights, sequence, state)
        return sum((part * g).sum() for part, g in zip(results, cotangents, strict=True))

    sequence, state = case.reference_input
    inputs = {} if sequence is None else {"sequence": sequence}
    if state is not None:
        inputs |= {"h": state[0], "c": state[1]}

    def loss_of(values):
        weights = {name: values[name] for name in case.weights}
        new_state = None if state is None else (values["h"], values["c"])
        return loss(weights, values.get("sequence"), new_state)

    expected = complex_step_gradients(loss_of, case.weights | inputs)
    received = layer_gradients(case, inputs, cotangents)
    assert received.keys() == expected.keys()
    for name, gradient in expected.items():
        scale = np.abs(gradient).max()
        assert scale > 1e-3, name
        np.testing.assert_allclose(received[name], gradient, atol=1e-9 * scale, err_msg=name)


def complex_step_gradients(loss, values, step=1e-30):
    gradients = {}
    for name, value in values.items():
        gradient = np.empty(value.shape)
        for index in np.ndindex(value.shape):
            moved = value.astype("complex128")
            moved[index] += 1j * step
            gradient[index] = loss(values | {name: moved}).imag / step
        gradients[name] = gradient
    return gradients


def layer_gradients(case, inputs, cotangents):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tensors = {name: tf.constant(value) for name, value in inputs.items()}
        tape.watch(tensors)
        state = None if "h" not in tensors else [tensors["h"], tensors["c"]]
        results = case.layer(tensors.get("sequence"), initial_state=state, steps=TIME)
        loss = sum(ops.sum(part * g) for part, g in zip(results, cotangents, strict=True))
    sources = {name: variable.value for name, variable in case.variables.items()} | tensors
    return {name: as_float64(g) for name, g in tape.gradient(loss, sources).items()}


@pytest.mark.parametrize("given_state", [False, True])
def test_equals_keras_convlstm2d_with_copied_weights(given_state):
    """Outputs, states and the gradient of every weight; Keras' layer has no peepholes."""
    import tensorflow as tf

    rng = np.random.default_rng(3)
    x = rng.normal(size=(2, 4, 6, 7, 3)).astype("float32")
    state = [rng.normal(size=(2, 6, 7, 4)).astype("float32") for _ in range(2)]
    state = state if given_state else None
    ours = ConvLSTM(4, kernel_size=3, peephole=None)
    theirs = keras.layers.ConvLSTM2D(
        4, 3, padding="same", recurrent_activation="sigmoid", return_sequences=True,
        return_state=True,
    )  # fmt: skip
    ours(x)
    theirs(x)
    ours.set_weights([rng.normal(size=w.shape, scale=0.4) for w in ours.weights])
    theirs.set_weights(ours.get_weights())

    gradients, results = [], []
    for layer in (ours, theirs):
        with tf.GradientTape() as tape:
            result = layer(x, initial_state=state)
            loss = sum(ops.mean(ops.sin(part)) for part in result)
        results.append(result)
        gradients.append(tape.gradient(loss, [w.value for w in layer.weights]))
    for mine, keras_own in zip(*results, strict=True):
        np.testing.assert_allclose(mine, keras_own, atol=1e-5)
    for mine, keras_own in zip(*gradients, strict=True):
        np.testing.assert_allclose(mine, keras_own, atol=1e-5 * np.abs(keras_own).max())


def test_gates_lie_in_the_order_i_f_c_o():
    """Two steps without convolution, computed by hand from four different biases."""
    layer = ConvLSTM(1, kernel_size=1, peephole="channel")
    layer.build((None, 2, 1, 1, 1))
    layer.set_weights(
        [
            np.zeros((1, 1, 1, 4)),
            np.zeros((1, 1, 1, 4)),
            np.array([-1.0, 0.5, 2.0, 1.0]),
            np.array([0.3, -0.7, 1.1]),
        ]
    )
    _, h, c = layer(np.zeros((1, 2, 1, 1, 1), "float32"))

    def s(z):
        return 1 / (1 + math.exp(-z))

    c1 = s(-1) * math.tanh(2)
    assert c1 == pytest.approx(0.2689414 * 0.9640276, abs=1e-6)
    c2 = s(0.5 - 0.7 * c1) * c1 + s(-1 + 0.3 * c1) * math.tanh(2)
    assert float(c[0, 0, 0, 0]) == pytest.approx(c2, abs=1e-6)
    assert float(h[0, 0, 0, 0]) == pytest.approx(s(1 + 1.1 * c2) * math.tanh(c2), abs=1e-6)


def test_steps_can_be_cut_anywhere():
    """Running on from the last state equals running through."""
    layer = ConvLSTM(3, peephole="channel")
    x = np.random.default_rng(0).normal(size=(1, 5, 4, 4, 2)).astype("float32")
    whole, h, c = layer(x)
    first, *state = layer(x[:, :2])
    second, h2, c2 = layer(x[:, 2:], initial_state=state)
    np.testing.assert_allclose(whole, np.concatenate([first, second], axis=1), atol=1e-6)
    np.testing.assert_allclose(h, h2, atol=1e-6)
    np.testing.assert_allclose(c, c2, atol=1e-6)


@pytest.mark.parametrize(
    ("peephole", "has_input"), itertools.product(["channel", "full", None], [True, False])
)
def test_weight_shapes(peephole, has_input):
    case = Case(peephole, has_input, True, 3, None)
    expected = {"recurrent_kernel": (3, 3, FILTERS, 4 * FILTERS), "bias": (4 * FILTERS,)}
    if has_input:
        expected["kernel"] = (3, 3, CHANNELS, 4 * FILTERS)
    if peephole:
        grid = (HEIGHT, WIDTH) if peephole == "full" else ()
        expected["peepholes"] = (*grid, 3 * FILTERS)
    assert {name: v.shape for name, v in case.variables.items()} == expected


@pytest.mark.parametrize("unit_forget_bias", [True, False])
def test_forget_bias_starts_at(unit_forget_bias):
    layer = ConvLSTM(2, unit_forget_bias=unit_forget_bias)
    layer.build((None, 1, 4, 4, 1))
    forget = float(unit_forget_bias)
    np.testing.assert_array_equal(layer.bias, [0, 0, forget, forget, 0, 0, 0, 0])


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_cell_state_stays_float32_under_mixed_precision(policy):
    layer = ConvLSTM(2, dtype=policy)
    x = np.random.default_rng(1).normal(size=(1, 3, 4, 4, 1)).astype("float32")
    outputs, h, c = layer(x)
    compute = policy.removeprefix("mixed_")
    dtypes = [keras.backend.standardize_dtype(t.dtype) for t in (outputs, h, c)]
    assert dtypes == [compute, compute, "float32"]
    symbolic = layer(keras.Input((3, 4, 4, 1)))
    assert [t.dtype for t in symbolic] == dtypes
    assert [t.shape[1:] for t in symbolic] == [t.shape[1:] for t in (outputs, h, c)]


def test_config_round_trip():
    layer = ConvLSTM(2, 3, 5, "full", False, False, "he_normal", keras.initializers.Orthogonal())
    config = layer.get_config()
    again = ConvLSTM.from_config(config)
    assert again.get_config() == config
    assert isinstance(again.recurrent_initializer, keras.initializers.Orthogonal)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"peephole": "both"}, r"peephole: expected one of .*'channel'.* Received: 'both'"),
        ({"kernel_size": 4}, "kernel_size: expected an odd number. Received: 4"),
        ({"input_kernel_size": 2}, "input_kernel_size: expected an odd number. Received: 2"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ModelError, match=message):
        ConvLSTM(2, **arguments)


def test_full_peephole_needs_a_grid():
    layer = ConvLSTM(2, peephole="full")
    with pytest.raises(ModelError, match=r"fixed grid.*peephole='channel'"):
        layer(keras.Input((3, None, 4, 1)))


def test_without_input_it_needs_steps_and_state():
    layer = ConvLSTM(2, has_input=False)
    state = [np.zeros((1, 4, 4, 2), "float32")] * 2
    with pytest.raises(ModelError, match=r"has_input=False.*steps"):
        layer(initial_state=state)
    with pytest.raises(ModelError, match=r"has_input=False.*initial_state"):
        layer(steps=3)
