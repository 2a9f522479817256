"""The schema of presets: what it holds, and what it says about a wrong file."""

from __future__ import annotations

import copy
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from keras_wx import spec
from keras_wx.errors import PresetError, UnknownNameError

EXAMPLES = sorted((Path(__file__).parent / "zoo" / "presets").glob("*_example.yaml"))


def parsed(name: str) -> dict:
    file = next(file for file in EXAMPLES if file.stem == name)
    return yaml.safe_load(file.read_text())


def example(name: str) -> spec.Preset:
    return spec.validate(parsed(name), name)


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_round_trip_through_yaml(file):
    preset = spec.validate(yaml.safe_load(file.read_text()), str(file))
    text = yaml.safe_dump(preset.model_dump(mode="json", exclude_defaults=True))
    assert spec.validate(yaml.safe_load(text), "again") == preset


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_card_fits_a_terminal(file):
    preset = spec.validate(yaml.safe_load(file.read_text()), str(file))
    for resolved in (preset, *(preset.resolved(variant) for variant in preset.weights.variants)):
        card = str(resolved)
        assert max(map(len, card.splitlines())) <= 80
        for variable in preset.sample.variables:
            assert f"{variable.name} [{variable.units}]" in card


def test_examples_hold_all_three_tasks():
    assert {example(file.stem).task for file in EXAMPLES} == {"nowcast", "inpaint", "downscale"}


def test_nowcast():
    sample = example("nowcast_example").sample
    assert sample.step == timedelta(minutes=5)
    assert sample.grids["radar"].shape == (None, 256)
    assert [v.role for v in sample.variables] == ["input", "mask", "static", "calendar", "target"]
    assert (sample.input_steps, sample.target_steps) == ((-5, 0), (1, 24))
    assert (sample.window_steps, sample.window_frames) == ((-5, 24), 30)
    rain, target = sample.inputs[0], sample.targets[0]
    assert (rain.frames, list(rain.offsets)) == (6, [-5, -4, -3, -2, -1, 0])
    assert target.frames == 24
    assert rain.transform.to_config() == [
        {"zr": {"a": 58.53, "b": 1.56, "no_rain": -10.0}},
        {"log": {"floor": 0.01}},
    ]
    assert (rain.fill, target.fill) == (0, None)
    assert sample.filter.min_fraction == 0.02


def test_curtain():
    sample = example("curtain_example").sample
    grid = sample.grids["curtain"]
    assert (grid.dims, grid.spacing) == (("height", "time"), {"height": "78m", "time": "4s"})
    assert [v.name for v in sample.inputs] == [
        "reflectivity",
        "air_temperature",
        "specific_humidity",
        "eastward_wind",
        "northward_wind",
    ]
    assert [v.name for v in sample.of_role("mask")] == ["blind_zone"]
    assert {v.frames for v in sample.variables} == {1}
    # 1.5 (x - mn) / (mx - mn) - 0.5 with mn = -60, mx = 30, as one linear map
    assert sample.inputs[0].transform(-60.0) == pytest.approx(-0.5)
    assert sample.inputs[0].transform(30.0) == pytest.approx(1.0)


def test_downscaling():
    sample = example("downscaling_example").sample
    history, coarse = sample.inputs
    assert sample.is_downscaling
    assert not example("nowcast_example").sample.is_downscaling
    assert sample.step == timedelta(days=1)
    assert (history.steps, history.frames, history.grid) == ((-40, -1), 40, "fine")
    assert history.statistics_by == ("season", "area")
    assert history.needs_statistics
    assert (sample.grids["coarse"].onto, sample.grids["coarse"].method) == ("fine", "bilinear")
    assert {sample.meeting_grid(variable) for variable in sample.variables} == {"fine"}
    assert coarse.frames == 1
    static = sample.of_role("static")[0]
    assert not static.needs_statistics
    assert [v.name for v in sample.of_role("calendar")] == ["day_of_season"]


def test_with_frames_changes_the_history_alone():
    sample = example("downscaling_example").sample.with_frames(input_frames=7)
    assert [(v.name, v.steps) for v in sample.inputs] == [
        ("dust_optical_depth", (-7, -1)),
        ("coarse_dust_optical_depth", (0, 0)),
    ]
    assert sample.targets[0].steps == (0, 0)


def grouped(**fields) -> spec.Variable:
    usual = {
        "name": "dust",
        "units": "1",
        "role": "input",
        "grid": "fine",
        "transform": [{"log": {"floor": 0.01}}, {"minmax": {}}],
        "statistics_by": ["season"],
        "statistics": {"DJF": {"low": -2, "high": 2}, "JJA": {"low": -1, "high": 1}},
    }
    return spec.Variable.model_validate(usual | fields)


def test_each_group_has_a_transform():
    dust = grouped()
    assert not dust.needs_statistics
    assert grouped(statistics={}).needs_statistics
    assert dust.transform_of("DJF")(10.0) == pytest.approx(0.75)
    assert dust.transform_of("JJA").inverse(0.75) == pytest.approx(10**0.5)
    with pytest.raises(
        PresetError, match=r"'dust' has no statistics of 'MAM', only of \['DJF', 'J"
    ):
        dust.transform_of("MAM")
    again = spec.Variable.model_validate(dust.model_dump(mode="json"))
    assert again == dust
    assert hash(again) == hash(dust)
    assert dust != grouped(statistics={})


def test_statistics_travel_with_a_weights_variant():
    sample = example("downscaling_example").sample
    numbers = {"JJA/A0": {"mean": -1.0, "std": 0.5}}
    merged = sample.merged({"variables": {"dust_optical_depth": {"statistics": numbers}}})
    for variable in (merged.inputs[0], merged.targets[0]):
        assert variable.transform_of("JJA/A0")(0.1) == pytest.approx(0.0)
    assert merged.inputs[1].needs_statistics


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"statistics_by": []}, "'dust' has statistics of groups: expected statistics_by too"),
        ({"role": "static"}, "what is static has statistics by area or none, received .*season"),
        ({"transform": {"log": {"floor": 1}}}, r"one step waits .*received .*'log'"),
        ({"transform": [{"standard": {}}, {"minmax": {}}]}, "in which one step waits"),
        ({"statistics": {"DJF": {"mean": 1, "std": 1}}}, "'DJF': expected low and high of a 'minm"),
        ({"statistics": {"DJF": {}}}, "'DJF': expected low and high .*received {}"),
        ({"statistics_by": ["sseason"]}, "'season', 'area' or 'month'"),
    ],
    ids=str,
)
def test_wrong_statistics(fields, message):
    with pytest.raises(ValueError, match=message):
        grouped(**fields)


DUST = ("sample", "variables", 0)
COARSE = ("sample", "grids", "coarse")


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        (
            (*COARSE, "onto"),
            "fin",
            r"grids.coarse.onto: expected one of \['fine'\].*received 'fin'",
        ),
        ((*COARSE, "onto"), "coarse", r"onto: expected one of \['fine'\].*received 'coarse'"),
        ((*COARSE, "onto"), None, r"meet on one grid, received \['coarse', 'fine'\]. `onto`"),
        ((*COARSE, "method"), "spline", "coarse.method: .*'nearest'.*'bilinear'"),
        (("sample", "layout"), "frames", "grids.coarse.onto: expected layout: channels"),
        (("sample", "layout"), "chanels", "sample.layout: .*'frames' or 'channels'"),
        (
            ("sample", "variables", 3, "name"),
            "day_of_saeson",
            "calendar: expected one of .*received 'day_of_saeson'",
        ),
        (
            ("sample", "variables", 3, "units"),
            "d",
            "calendar 'day_of_season': expected units '1', received 'd'",
        ),
    ],
    ids=str,
)
def test_a_wrong_downscaling_sample(where, value, message):
    data = copy.deepcopy(parsed("downscaling_example"))
    *path, key = where
    section = data
    for part in path:
        section = section[part]
    section[key] = value
    with pytest.raises(PresetError, match=message):
        spec.validate(data, "f")


def test_training_components_carry_their_arguments():
    training = example("nowcast_example").training
    assert (training.loss.name, training.loss.arguments) == (
        "balanced_error",
        {"zr": "hko_7", "mae": 0.5},
    )
    assert [m.name for m in training.metrics] == ["csi", "mae"]
    assert training.metrics[1].arguments == {}


def test_variant_changes_what_it_names_and_nothing_else():
    preset = example("nowcast_example")
    resolved = preset.resolved("fmi")
    assert (resolved.full_name, preset.full_name) == ("nowcast_example.fmi", "nowcast_example")
    assert resolved.sample.step == timedelta(minutes=15)
    assert resolved.sample.grids["radar"].spacing_km == 2
    assert resolved.sample.grids["radar"].shape == (None, 256)
    fills = {(v.name, v.role): v.fill for v in resolved.sample.variables}
    assert fills["rain_rate", "input"] == fills["rain_rate", "target"] == 0.1
    assert fills["coverage", "mask"] is None
    assert resolved.sample.inputs[0].transform == preset.sample.inputs[0].transform
    assert resolved.training.batch_size == 2
    assert resolved.training.loss == preset.training.loss
    assert preset.sample.step == timedelta(minutes=5), "the preset itself changed"


def test_merged_names_what_is_not_there():
    sample = example("nowcast_example").sample
    with pytest.raises(UnknownNameError, match=r"sample.grids: 'rader'. Did you mean 'radar'"):
        sample.merged({"grids": {"rader": {}}})


def test_with_frames_moves_the_far_ends():
    sample = example("nowcast_example").sample.with_frames(input_frames=3, output_frames=2)
    steps = {(v.name, v.role): v.steps for v in sample.variables}
    assert steps["rain_rate", "input"] == steps["coverage", "mask"] == (-2, 0)
    assert steps["rain_rate", "target"] == (1, 2)
    assert steps["terrain", "static"] is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5min", 300), ("1h", 3600), ("30s", 30), ("1d", 86400), (" 2.5 MIN ", 150), ("90min", 5400)],
)
def test_steps(text, seconds):
    step = spec.parse_step(text)
    assert step == timedelta(seconds=seconds)
    assert spec.parse_step(spec.format_step(step)) == step


def test_steps_are_written_in_the_largest_whole_unit():
    written = [spec.format_step(timedelta(seconds=s)) for s in (90, 300, 5400, 7200, 172800)]
    assert written == ["90s", "5min", "90min", "2h", "2d"]


VARIANT = ("weights", "variants", "fmi")
FIRST = ("sample", "variables", 0)

# (where, value; REMOVE takes the key away) -> key, expectation and what was received
REMOVE = "(removed)"
WRONG = [
    (("titel",), "x", ["(top level): ", "unknown key 'titel'", "Did you mean 'title'?"]),
    (("name",), REMOVE, ["name: this key is missing"]),
    (("name",), "Bad Name", ["name: ", "'^[a-z0-9_]+$'", "Received: 'Bad Name'"]),
    (("task",), "nowcats", ["task: ", "'nowcast', 'inpaint' or 'downscale'", "'nowcats'"]),
    (("config",), [1], ["config: Input should be a mapping", "Received: [1]"]),
    (("aliases",), "x", ["aliases: Input should be a list", "Received: 'x'"]),
    (("parameters",), -1, ["parameters: ", "greater than or equal to 0", "Received: -1"]),
    (("sample",), "x", ["sample: Input should be a mapping", "Received: 'x'"]),
    (("sample", "stp"), 1, ["sample: ", "unknown key 'stp'", "Did you mean 'step'?", "grids"]),
    (("sample", "step"), "5 mins", ["sample.step: ", "such as '5min'", "received '5 mins'"]),
    (("sample", "step"), "0min", ["sample.step: ", "received '0min'"]),
    (("sample", "grids"), {}, ["sample.grids: ", "at least 1", "Received: {}"]),
    (
        ("sample", "grids", "radar", "shappe"),
        [4, 4],
        [
            "sample.grids.radar: ",
            "'shappe'",
            "'shape'",
            "dims, shape, spacing_km, multiple, spacing, first_row, onto, method",
        ],
    ),
    (("sample", "grids", "radar", "shape"), [3], ["sample.grids.radar.shape.1: this key is miss"]),
    (("sample", "grids", "radar", "shape"), [0, 3], ["at least 1, received [0, 3]"]),
    (("sample", "grids", "radar", "spacing_km"), 0, ["radar.spacing_km: ", "greater than 0"]),
    (("sample", "variables"), [], ["sample.variables: ", "at least 1 item", "Received: []"]),
    ((*FIRST, "steps"), [1, 0], ["sample.variables.0.steps: ", "first <= last, received [1, 0]"]),
    ((*FIRST, "steps"), 5, ["sample.variables.0.steps: Input should be a list", "Received: 5"]),
    ((*FIRST, "role"), "inputs", ["sample.variables.0.role: ", "'mask'", "Received: 'inputs'"]),
    ((*FIRST, "role"), "mask", ["sample: ", "at least one variable with role 'input'"]),
    ((*FIRST, "grid"), "rader", ["'rain_rate' (input)", "grid of ['radar'], received 'rader'"]),
    ((*FIRST, "frames"), 3, ["sample.variables.0: ", "unknown key 'frames'", "steps"]),
    ((*FIRST, "fill"), "none", ["sample.variables.0.fill: ", "valid number", "'none'"]),
    (
        (*FIRST, "transform"),
        {"liner": {"low": 0}},
        ["sample.variables.0.transform: ", "one of ['cloud', 'linear', ", "received 'liner'"],
    ),
    (
        (*FIRST, "transform"),
        {"linear": {"low": 0, "hihg": 1}},
        ["sample.variables.0.transform", "'hihg'", "Did you mean 'high'?", "low, high, clip"],
    ),
    (("sample", "filter", "min_fraction"), 2, ["sample.filter.min_fraction: ", "Received: 2"]),
    (("training", "loss"), {"zr": "x"}, ["training.loss.name: this key is missing"]),
    (("training", "batch"), 2, ["training: ", "'batch'", "Did you mean 'batch_size'?"]),
    (("training", "epochs"), "many", ["training.epochs: ", "valid integer", "Received: 'many'"]),
    (
        ("training", "augment"),
        ["flop"],
        ["training.augment.0: ", "'rotate' or 'flip_time'", "'flop'"],
    ),
    (("weights", "default"), "x", ["weights: default: ", "one of ['fmi'], received 'x'"]),
    ((*VARIANT, "bytes"), REMOVE, ["weights.variants.fmi.bytes: this key is missing"]),
    ((*VARIANT, "sha256"), "ab", ["weights.variants.fmi.sha256: ", "{64}", "Received: 'ab'"]),
    (
        (*VARIANT, "sample"),
        {"grid": {"radar": {}}},
        ["weights.variants.fmi.sample: ", "'grid'", "Did you mean 'grids'?"],
    ),
    (
        (*VARIANT, "sample"),
        {"grids": {"radar": {"shap": [1, 1]}}},
        ["weights.variants.fmi.sample.grids.radar: ", "'shap'", "Did you mean 'shape'?"],
    ),
    (
        (*VARIANT, "sample"),
        {"grids": {"rader": {"shape": [1, 1]}}},
        ["weights.variants.fmi: ", "'rader'", "Did you mean 'radar'?"],
    ),
    (
        (*VARIANT, "sample"),
        {"variables": [1]},
        ["weights.variants.fmi: sample.variables", "a mapping", "received [1]"],
    ),
    (
        (*VARIANT, "sample"),
        {"grids": {"radar": 3}},
        ["weights.variants.fmi: sample.grids.radar", "fields that change", "received 3"],
    ),
    (
        (*VARIANT, "training"),
        {"batch": 1},
        ["weights.variants.fmi.training: ", "'batch'", "Did you mean 'batch_size'?"],
    ),
]


@pytest.mark.parametrize(("where", "value", "parts"), WRONG, ids=lambda part: str(part)[:40])
def test_a_wrong_file_is_explained(where, value, parts):
    data = copy.deepcopy(parsed("nowcast_example"))
    *path, key = where
    section = data
    for part in path:
        section = section[part]
    if value == REMOVE:
        del section[key]
    else:
        section[key] = value
    with pytest.raises(PresetError) as error:
        spec.validate(data, "folder/some.yaml")
    message = str(error.value)
    assert message.startswith("folder/some.yaml is not a valid preset.")
    for part in parts:
        assert part in message


def test_all_problems_are_listed_at_once():
    data = parsed("nowcast_example") | {"task": "x", "parameters": "y"}
    with pytest.raises(PresetError, match=r"(?s)task: .*parameters: "):
        spec.validate(data, "f")


def test_a_file_that_is_no_mapping():
    with pytest.raises(PresetError, match=r"\(top level\): Input should be a mapping"):
        spec.validate([1], "f")


def test_a_preset_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        example("nowcast_example").task = "inpaint"
