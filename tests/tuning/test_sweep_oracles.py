"""The oracles: whole state, every combination once, and a known optimum found."""

import itertools
import json

import keras_tuner
import numpy as np
import pytest
from small_sweep import branin

from keras_wx.errors import UnknownNameError
from keras_wx.tuning.changes import changes_of
from keras_wx.tuning.oracles import make_oracle
from keras_wx.tuning.space import read_space

PLANE = {"config.x": {"range": [-5.0, 10.0]}, "config.y": {"range": [0.0, 15.0]}}
SMALL = {
    "config.a": [1, 2, 3],
    "config.b": {"range": [2, 4], "step": 2},
    "config.c": {"choice": ["u", "v"], "when": {"config.a": [1, 3]}},
}
COMBINATIONS = [(a, b, c) for a, b in itertools.product((1, 2, 3), (2, 4))
                for c in (("u", "v") if a != 2 else (None,))]  # fmt: skip


def oracle(name, space, **options):
    hp = keras_tuner.HyperParameters()
    changes_of(read_space(space, "x"), hp)
    defaults = {"objective": "f", "direction": "min", "seed": 0}
    return lambda: make_oracle(name, hp, **defaults | options)


def end(oracle, trial, score):
    if score is None:
        trial.status = "FAILED"
    else:
        oracle.update_trial(trial.trial_id, {"f": score})
        trial.status = "COMPLETED"
    oracle.end_trial(trial)


def proposals(make, score, count, *, reload=False):
    """The values of trials one after another; with a new oracle for each step if so wished."""
    now, found = make(), []
    for _ in range(count):
        if reload:
            state = json.loads(json.dumps(now.get_state()))
            now = make()
            now.set_state(state)
        trial = now.create_trial("one")
        if trial.status == "STOPPED":
            break
        values = dict(trial.hyperparameters.values)
        if reload:
            state = json.loads(json.dumps(now.get_state()))
            now = make()
            now.set_state(state)
            trial = now.trials[trial.trial_id]
        end(now, trial, score(values))
        found.append(values)
    return found


def on_branin(values):
    return branin(values["config.x"], values["config.y"])


def on_small(values):
    return values["config.a"] + values["config.b"] + (values.get("config.c") == "u")


def combination(values):
    return values["config.a"], values["config.b"], values.get("config.c")


@pytest.mark.parametrize("name", ["random", pytest.param("bayesian", marks=pytest.mark.slow)])
def test_a_search_that_is_reloaded_proposes_what_one_in_memory_does(name):
    make = oracle(name, PLANE, max_trials=12)
    assert proposals(make, on_branin, 12, reload=True) == proposals(make, on_branin, 12)


def test_hyperband_and_grid_that_are_reloaded_too():
    hyperband = oracle("hyperband", PLANE, options={"max_epochs": 9})
    found = proposals(hyperband, on_branin, 100, reload=True)
    assert found == proposals(hyperband, on_branin, 100)
    grid = oracle("grid", SMALL)
    assert proposals(grid, on_small, 100, reload=True) == proposals(grid, on_small, 100)


@pytest.mark.parametrize("name", ["grid", "random", "bayesian"])
def test_every_combination_comes_once(name):
    make = oracle(name, SMALL, options={"num_initial_points": 3} if name == "bayesian" else {})
    found = proposals(make, on_small, 100, reload=True)
    assert sorted(map(str, map(combination, found))) == sorted(map(str, COMBINATIONS))


def test_bayesian_search_is_ahead_of_random_search_on_a_known_function():
    budget = 20
    best = {
        name: [
            min(map(on_branin, proposals(
                oracle(name, PLANE, seed=seed, max_trials=budget), on_branin, budget)))
            for seed in range(5)
        ]
        for name in ("random", "bayesian")
    }  # fmt: skip
    assert np.median(best["bayesian"]) < np.median(best["random"]) / 2
    assert np.median(best["bayesian"]) < 0.397887 + 1  # of values up to 308


def test_bayesian_search_looks_for_the_greatest_value_too():
    make = oracle("bayesian", PLANE, direction="max", max_trials=20)
    found = proposals(make, lambda values: -on_branin(values), 20)
    assert min(map(on_branin, found[6:])) < 5


def test_bayesian_search_keeps_away_from_what_fails():
    space = {"config.x": {"range": [0.0, 1.0]}}

    def score(values):
        return None if values["config.x"] > 0.5 else 1 - values["config.x"]

    make = oracle("bayesian", space, max_trials=24, options={"num_initial_points": 6})
    later = [values["config.x"] for values in proposals(make, score, 24)[12:]]
    assert np.mean(np.array(later) > 0.55) < 0.25
    assert max(x for x in later if x <= 0.5) > 0.45


def test_running_trials_are_not_proposed_again():
    make = oracle("bayesian", PLANE, options={"num_initial_points": 6})
    now = make()
    for _ in range(8):
        trial = now.create_trial("one")
        end(now, trial, on_branin(trial.hyperparameters.values))
    places = []
    for worker in range(3):
        values = now.create_trial(f"worker {worker}").hyperparameters.values
        places.append((values["config.x"], values["config.y"]))
    gaps = [np.hypot(*np.subtract(a, b)) for a, b in itertools.combinations(places, 2)]
    assert min(gaps) > 0.5


def test_whole_numbers_stay_in_their_range():
    make = oracle("bayesian", {"config.n": {"range": [1, 300], "log": True}},
                  max_trials=15)  # fmt: skip
    found = [v["config.n"] for v in proposals(make, lambda v: -v["config.n"], 15)]
    assert max(found) == 300
    assert len(set(found)) == 15


def test_neighbouring_seeds_draw_other_numbers():
    draws = [
        {round(v["config.x"], 9) for v in proposals(oracle("random", PLANE, seed=s), on_branin, 20)}
        for s in (0, 1, 2)
    ]
    assert not draws[0] & draws[1]
    assert not draws[1] & draws[2]


def test_hyperband_goes_on_with_the_best_of_a_round_in_which_some_failed():
    space = {"config.x": {"range": [0.0, 1.0]}}
    scores = {}

    def score(values):
        value = values["config.x"]
        scores[value] = None if value > 0.7 else value
        return scores[value]

    found = proposals(oracle("hyperband", space, options={"max_epochs": 9}), score, 100)
    first = [v for v in found if v["tuner/bracket"] == 2]
    rounds = [[v for v in first if v["tuner/round"] == n] for n in range(3)]
    assert [len(r) for r in rounds] == [9, 3, 1]
    assert any(scores[v["config.x"]] is None for v in rounds[0])
    good = sorted(x for x in (v["config.x"] for v in rounds[0]) if scores[x] is not None)
    assert sorted(v["config.x"] for v in rounds[1]) == good[:3]
    assert rounds[2][0]["config.x"] == good[0]
    assert [r[0]["tuner/epochs"] for r in rounds] == [1, 3, 9]


def test_an_option_that_the_oracle_does_not_have():
    with pytest.raises(UnknownNameError, match="Did you mean 'beta'"):
        oracle("bayesian", PLANE, options={"betta": 1})()
    with pytest.raises(UnknownNameError, match="Did you mean 'bayesian'"):
        oracle("baysian", PLANE)()
