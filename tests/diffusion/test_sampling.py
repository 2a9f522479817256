"""Whole loops, compiled by both backends: against diffusers, and what the contract promises."""

import backend_loops
import keras
import make_diffusion_golden as source
import numpy as np
import pytest
from jax_process import run_under_jax
from keras import ops

from keras_wx.diffusion import (
    DDIM,
    DDPM,
    CosineSchedule,
    DPMSolver,
    Heun,
    LinearSchedule,
    Sampler,
    guided,
    sample,
)
from keras_wx.errors import ModelError, UnknownNameError

START = backend_loops.START
SAMPLERS = [
    DDPM(),
    DDIM(),
    DDIM(eta=1.0),
    DPMSolver(),
    DPMSolver(spacing="logsnr"),
    Heun(),
    Heun(churn=10.0),
]


@pytest.fixture(scope="module", params=["tensorflow", "jax"])
def outputs(request, tmp_path_factory):
    if request.param == keras.backend.backend():
        return backend_loops.outputs()
    if request.param == "tensorflow":
        pytest.skip("TensorFlow is not the backend here")
    file = tmp_path_factory.mktemp("jax") / "loops.npz"
    run_under_jax(backend_loops.__file__, file)
    with np.load(file) as arrays:
        return dict(arrays)


@pytest.mark.parametrize("case", source.LOOPS)
def test_loops_in_float32_equal_diffusers(case, outputs, golden):
    """Options as of `STEPS` and `LOOPS` in tests/golden/make_diffusion_golden.py.

    In two cases diffusers' own table in float32 leads it 1.2e-4 and 2.7e-4 away from itself in
    float64; the loop here has to be nearer to that one than diffusers is.
    """
    found, exact = outputs[f"loop_{case}"], golden[f"loop_{case}_float64"]
    usual, size = golden[f"loop_{case}"], np.abs(exact).max()
    assert found.dtype == usual.dtype == np.float32
    assert np.abs(found - exact).max() < 1e-5 * size
    own_error = np.abs(usual - exact).max()
    if case in ("ddpm_1000_cosine", "heun"):
        assert own_error > 1e-4 * size
    else:
        assert np.abs(found - usual).max() < 1e-4 * size


def test_seeds_reproduce(outputs):
    np.testing.assert_allclose(outputs["seed_1"], outputs["seed_1_again"], rtol=1e-4, atol=1e-5)
    assert np.abs(outputs["seed_1"] - outputs["seed_2"]).max() > 0.01


def test_predict_compiles_the_loop_and_its_generator_goes_on(outputs):
    np.testing.assert_array_equal(outputs["predict"], outputs["predict_again"])
    assert np.abs(outputs["predict"] - outputs["predict_next"]).max() > 0.01


def test_fit_trains_on_the_objective(outputs):
    assert outputs["trained_losses"][-1] < 0.5 * outputs["trained_losses"][0]


def test_known_points_come_back_exactly(outputs):
    known = START > 0
    np.testing.assert_array_equal(outputs["repainted"][known], START[known])
    assert np.all(outputs["repainted"][~known] != START[~known])


@pytest.mark.parametrize("sampler", SAMPLERS, ids=repr)
@pytest.mark.parametrize("steps", [2, 7])
def test_the_network_is_called_once_a_step(sampler, steps):
    """Twice for Heun, but for the last step."""
    calls = []

    def network(x, t):
        calls.append(float(t[0]))
        return x * 0.1

    sample(network, START, CosineSchedule(), sampler, steps, prediction="x0", seed=0)
    assert len(calls) == (2 * steps - 1 if sampler.name == "heun" else steps)
    if not getattr(sampler, "churn", 0):
        assert np.all(np.diff(calls) <= 0)


def compiled_graph(sampler, steps, network=backend_loops.network):
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((None, *START.shape[1:]), "float32")])
    def run(x):
        return sample(network, x, CosineSchedule(), sampler, steps, prediction="x0", seed=0)

    return run.get_concrete_function().graph.as_graph_def()


@pytest.mark.parametrize("sampler", SAMPLERS, ids=repr)
def test_the_graph_is_one_loop_however_many_steps(sampler):
    """Nodes, of which none gathers what the steps leave behind, and traces of the network."""
    found = []
    for steps in (5, 500):
        traces = []

        def network(x, t, traces=traces):
            traces.append(1)
            return backend_loops.network(x, t)

        graph = compiled_graph(sampler, steps, network)
        nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
        assert not [n.op for n in nodes if "TensorList" in n.op or "Stack" in n.op]
        assert sum("While" in n.op for n in nodes) == 1
        found.append((len(nodes), len(traces)))
    assert found[0] == found[1]
    assert found[0][1] == 1


def test_jax_needs_no_more_memory_for_more_steps(outputs):
    if "jax_bytes" not in outputs:
        pytest.skip("TensorFlow does not tell; its graph is tested above")
    few, many = outputs["jax_bytes"]
    field = 4 * 64 * 64 * 4
    assert field <= few <= 16 * field
    assert many - few < 2 * 1000 * 8 * 4, "the table of steps grows, and nothing else"


def test_xla_gives_the_same():
    import tensorflow as tf

    run = backend_loops.loop("ddim_eta")
    expected = ops.convert_to_numpy(run(START))
    found = tf.function(run, jit_compile=True)(START)
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected, rtol=1e-4, atol=1e-5)


def test_a_network_in_lower_precision_leaves_the_steps_in_float32():
    precisions = set()

    def network(x, t):
        precisions.add((keras.backend.standardize_dtype(x.dtype), t.dtype.name))
        return ops.cast(x, "bfloat16") * 0.5

    found = sample(network, START, CosineSchedule(), DPMSolver(), 4, prediction="v")
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    assert precisions == {("float32", "float32")}


def test_guidance():
    """By hand: without = x, with = x + 1; w = 1 never asks without."""
    asked = []

    def network(x, t, conditional):
        asked.append(conditional)
        return x + 1.0 if conditional else x

    x = np.float32([[1.0, 2.0]])
    assert guided(network, 1.0)(x, 0).tolist() == [[2.0, 3.0]]
    assert asked == [True]
    assert guided(network, 3.0)(x, 0).tolist() == [[4.0, 5.0]]
    assert guided(network, 0.0)(x, 0).tolist() == x.tolist()
    assert sorted(asked) == [False, False, True, True, True]


def test_guidance_is_the_same_for_every_prediction():
    """Guiding the noise, the clean field or the velocity leads to the same samples."""
    from keras_wx import diffusion

    schedule = LinearSchedule()
    found = []
    for kind, convert in (
        ("x0", diffusion.to_x0),
        ("epsilon", diffusion.to_epsilon),
        ("v", diffusion.to_v),
    ):

        def network(x, t, conditional, convert=convert):
            alpha, sigma = (ops.reshape(v, (-1, 1, 1, 1)) for v in schedule.alpha_sigma(t))
            x0 = 0.3 * ops.sin(x) + (0.5 if conditional else 0.0)
            return convert("x0", x0, x, alpha, sigma)

        found.append(
            sample(guided(network, 2.5), START, schedule, DPMSolver(), 10, prediction=kind)
        )
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=repr)
def test_configuration_survives_a_file(sampler):
    import json

    assert Sampler.from_config(json.loads(json.dumps(sampler.get_config()))) == sampler


def test_clip_from_a_file_is_the_same():
    assert Sampler.from_config({"name": "ddim", "clip": [0, 1]}) == DDIM(clip=(0, 1))


@pytest.mark.parametrize(
    ("sampler", "arguments", "message"),
    [
        (DDPM(), {"seed": None}, "SeedGenerator"),
        (DDIM(), {"steps": 1001}, "from 1 to 1000"),
        (DDIM(), {"steps": 0}, "from 1 to 1000"),
        (Heun(), {"steps": 1}, "at least 2 steps"),
        (Heun(sigma_min=90.0), {}, "sigma_min=90"),
        (
            Heun(spacing="trailing"),
            {"schedule": CosineSchedule(zero_terminal_snr=True)},
            "spacing='karras'",
        ),
        (
            DDIM(),
            {"schedule": CosineSchedule(zero_terminal_snr=True), "prediction": "epsilon"},
            "'v' or 'x0'",
        ),
    ],
)
def test_what_cannot_be_sampled(sampler, arguments, message):
    arguments = {
        "schedule": CosineSchedule(),
        "steps": 4,
        "prediction": "x0",
        "seed": 0,
    } | arguments
    with pytest.raises(ModelError, match=message):
        sample(backend_loops.network, START, sampler=sampler, **arguments)


@pytest.mark.parametrize(
    ("config", "error"),
    [
        ({"name": "ddpn"}, UnknownNameError),
        ({"name": "ddpm", "variance": "learned"}, UnknownNameError),
        ({"name": "ddim", "spacing": "even"}, UnknownNameError),
        ({"name": "ddim", "eta": 2.0}, ModelError),
        ({"name": "ddim", "clip": [1, 0]}, ModelError),
        ({"name": "ddim", "clip": [1]}, ModelError),
        ({"name": "heun", "churn": -1}, ModelError),
        ({"name": "dpm_solver", "eta": 1.0}, ModelError),
    ],
)
def test_what_is_no_sampler(config, error):
    with pytest.raises(error):
        Sampler.from_config(config)


def test_an_unknown_prediction_is_named():
    with pytest.raises(UnknownNameError, match="prediction"):
        sample(backend_loops.network, START, CosineSchedule(), DDIM(), 4, prediction="sample")
