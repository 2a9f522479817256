"""keras-tuner's oracles, with all of their state as plain values.

Theirs leave out of `get_state` what the next proposal depends on: the random numbers of the
Bayesian search and the order of the grid. A search that went on from it would propose others than
one that nothing has stopped.
"""

from __future__ import annotations

import inspect
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.oracles import (
    BayesianOptimizationOracle,
    GridSearchOracle,
    HyperbandOracle,
    RandomSearchOracle,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern
from threadpoolctl import threadpool_limits

from keras_wx.errors import unknown_name

_EVERYWHERE, _NEARBY = 300, 50
"""Points at which the Bayesian search looks for its next proposal."""
_BELOW_ONE = 1 - 1e-9
_COLLISIONS = 1000
"""Draws in a row that were all tried before, after which a space counts as exhausted."""


class _Whole:
    """Mixed into an oracle: its state is read and set as a whole, and never written by itself."""

    def __init__(self, **options):
        super().__init__(
            # The search counts failures itself: keras-tuner raises before it has recorded the last.
            max_consecutive_failed_trials=None,
            **options,
        )
        self.verbose = 0
        self.max_trials = None  # the search counts them too; theirs would be 10
        self._max_collisions = _COLLISIONS

    def save(self):
        """keras-tuner writes several files, none of them at once."""

    def _save_trial(self, trial):
        pass

    def get_state(self) -> dict[str, Any]:
        state = super().get_state()
        return state | {
            "tried_so_far": sorted(state["tried_so_far"]),
            "trials": [trial.get_state() for trial in self.trials.values()],
        }

    def set_state(self, state: dict[str, Any]) -> None:
        self.trials = {found["trial_id"]: Trial.from_state(found) for found in state["trials"]}
        super().set_state(state)


class Random(_Whole, RandomSearchOracle):
    """Independent draws, none twice."""


class Bayesian(_Whole, BayesianOptimizationOracle):
    """Proposes what a Gaussian process over the trials so far holds for most promising.

    Of keras-tuner's it keeps the first random draws, the lower confidence bound with `beta`, and
    the noise `alpha`. Beyond it, the scale of each parameter is learnt, within bounds that few
    trials cannot leave; the bound is searched over configurations that exist and are untried, where
    theirs may propose one twice, and one above the largest whole number; failed and very bad trials
    count as bad, and no worse; running ones count with what the process expects of them, whichever
    process asks.
    """

    def get_state(self):
        return super().get_state() | {"random_state": _plain(self._random_state)}

    def set_state(self, state):
        super().set_state(state)
        self._random_state.set_state(state["random_state"])

    def populate_space(self, trial_id):
        ended = sum(trial.status == TrialStatus.COMPLETED for trial in self.trials.values())
        if ended < (self.num_initial_points or max(3 * len(self.hyperparameters.space), 3)):
            return self._random_populate_space()
        with threadpool_limits(1, "blas"):  # more threads only wait for each other
            return self._propose(*self._vectorize_trials())

    def _propose(self, x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
        self._fit(x, y)
        # Everywhere, around the best trial, and then closer around what was found.
        centre, width, found = x[np.argmin(y)], 0.1, []
        wide = self._random_state.uniform(size=(_EVERYWHERE, x.shape[1]))
        for _ in range(3):
            near = centre + width * self._random_state.normal(size=(_NEARBY, x.shape[1]))
            found += self._untried([*wide, *np.clip(near, 0, _BELOW_ONE)])
            if not found:
                return self._random_populate_space()
            found = [min(found, key=lambda candidate: candidate[0])]
            centre, width, wide = found[0][1], width / 3, ()
        return {"status": TrialStatus.RUNNING, "values": found[0][2]}

    def _untried(self, points: list[np.ndarray]) -> list[tuple[float, np.ndarray, dict]]:
        """Lower confidence bound, place and values of the configurations next to some points."""
        values = [self._vector_to_values(point) for point in points]
        values = [found for found in values if not self._duplicate(found)]
        if not values:
            return []
        places = np.array([self._vector(found) for found in values])
        mean, deviation = self.gpr.predict(places, return_std=True)
        return list(zip(mean - self.beta * deviation, places, values, strict=True))

    def _vectorize_trials(self):
        ended = [t for t in self.trials.values() if t.status == TrialStatus.COMPLETED]
        failed = [t for t in self.trials.values() if t.status == TrialStatus.FAILED]
        sign = -1.0 if self.objective.direction == "max" else 1.0
        y = np.array([sign * trial.score for trial in ended])
        middle = np.median(y)
        worst = min(y.max(), middle + 3 * (middle - y.min()))
        y = np.minimum([*y, *[worst] * len(failed)], worst)
        x = np.array([self._vector(trial.hyperparameters.values) for trial in (*ended, *failed)])
        running = [self._vector(t.hyperparameters.values) for t in self.ongoing_trials.values()]
        if running:
            self._fit(x, y)
            mean, deviation = self.gpr.predict(np.array(running), return_std=True)
            x, y = np.vstack([x, running]), np.concatenate([y, mean + deviation])
        return x, y

    def _vector(self, values: Mapping[str, Any]) -> list[float]:
        """A point of the unit cube: what does not matter for a trial stands at its default."""
        return [hp.value_to_prob(values.get(hp.name, hp.default)) for hp in self._nonfixed_space()]

    def _fit(self, x: np.ndarray, y: np.ndarray) -> None:
        with warnings.catch_warnings():
            # A scale at one of its bounds: a parameter that does not matter, or few trials.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.gpr.fit(x, y)

    def _make_gpr(self):
        scales = np.full(max(1, len(self._nonfixed_space())), 0.5)
        kernel = ConstantKernel(1.0, (0.1, 10.0)) * Matern(scales, (0.05, 5.0), nu=2.5)
        return GaussianProcessRegressor(
            kernel, alpha=self.alpha, n_restarts_optimizer=2, normalize_y=True,
            random_state=self.seed,
        )  # fmt: skip


class Hyperband(_Whole, HyperbandOracle):
    """Many short trials, of which the best go on longer.

    keras-tuner's gives up a whole bracket where a trial of it fails; here the failed one has come
    last.
    """

    def populate_space(self, trial_id):
        with self._failed_last():
            return super().populate_space(trial_id)

    @contextmanager
    def _failed_last(self) -> Iterator[None]:
        failed = [t for t in self.trials.values() if t.status == TrialStatus.FAILED]
        worst = np.inf if self.objective.direction == "min" else -np.inf
        for trial in failed:
            trial.status, trial.score = TrialStatus.COMPLETED, worst
        try:
            yield
        finally:
            for trial in failed:
                trial.status, trial.score = TrialStatus.FAILED, None


class Grid(_Whole, GridSearchOracle):
    """Every combination, of ranges without a step ten values."""

    def get_state(self):
        order = self._ordered_ids
        return super().get_state() | {
            "grid": {
                "ids": order._memory,
                "next": [[index, after] for index, after in order._next_index.items()],
                "last": order._last_index,
                "populate_next": self._populate_next,
            }
        }

    def set_state(self, state):
        super().set_state(state)
        saved, order = state["grid"], self._ordered_ids
        order._memory = saved["ids"]
        order._data_to_index = {name: index for index, name in enumerate(saved["ids"])}
        order._next_index = defaultdict(lambda: None, dict(saved["next"]))
        order._last_index = saved["last"]
        self._populate_next = saved["populate_next"]


ORACLES = {"bayesian": Bayesian, "hyperband": Hyperband, "random": Random, "grid": Grid}
_OURS = ("self", "objective", "hyperparameters", "seed", "max_trials")
_KEPT = ("allow_new_entries", "tune_new_entries", "max_retries_per_trial")
ENDLESS = ("bayesian", "random")
"""Oracles that end only where a space is exhausted."""


def make_oracle(
    name: str,
    hyperparameters: keras_tuner.HyperParameters,
    *,
    objective: str,
    direction: str,
    seed: int,
    max_trials: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> keras_tuner.Oracle:
    """A new oracle.

    Args:
        name: `"bayesian"`, `"hyperband"`, `"random"` or `"grid"`.
        hyperparameters: the space.
        objective: what it searches the best value of.
        direction: `"min"` or `"max"`.
        seed: of its draws.
        max_trials: what the Bayesian search divides between random draws and proposals: unless
            `num_initial_points` says otherwise, the first third is random, or three trials for
            each parameter, whichever is less.
        options: of keras-tuner's oracle: `num_initial_points`, `alpha`, `beta`; `max_epochs`,
            `factor`, `hyperband_iterations`.

    Raises:
        UnknownNameError: an oracle or option that does not exist.
    """
    if name not in ORACLES:
        raise unknown_name("oracle", name, ORACLES)
    kind, options = ORACLES[name], dict(options or {})
    upstream = kind.__mro__[2]
    known = {*inspect.signature(upstream.__init__).parameters} - {*_OURS, *_KEPT}
    known -= {"max_consecutive_failed_trials"}
    for option in options:
        if option not in known:
            raise unknown_name(f"option of the oracle {name!r}", option, known)
    if name == "bayesian" and max_trials is not None:
        dimensions = len(hyperparameters.space)
        options.setdefault("num_initial_points", max(3, min(3 * dimensions, max_trials // 3)))
    return kind(
        objective=keras_tuner.Objective(objective, direction),
        hyperparameters=hyperparameters,
        seed=_spread(seed),
        **options,
    )


def _spread(seed: int) -> int:
    """Another number for each seed, and never 0, which keras-tuner takes for none.

    It draws its n-th number with the seed `seed + n`: searches with neighbouring seeds would be the
    same but for a shift.
    """
    return int(np.random.SeedSequence(seed).generate_state(1)[0]) or 1


def _plain(random_state: np.random.RandomState) -> dict[str, Any]:
    state = random_state.get_state(legacy=False)
    return state | {"state": state["state"] | {"key": state["state"]["key"].tolist()}}
