"""The state of a search, shared by all processes that work on it.

keras-tuner's chief keeps it in memory and talks to workers by gRPC: a worker that is killed leaves
its trial running for ever, and the chief waiting for it. Here the state is one file, which every
process opens under a lock, changes, and replaces by the new one. A process owns a trial as long as
it holds the lock of that trial. The operating system releases it when the process dies, however it
dies, and another one takes the trial up where its last checkpoint is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras_tuner
from filelock import FileLock, Timeout
from keras_tuner.engine import trial as keras_tuner_trial
from keras_tuner.engine.trial import TrialStatus

from keras_wx.errors import TrainingError
from keras_wx.training.files import rewriting

STATE = "search.json"
TRIALS = "trials"
LOCK = "search.lock"
_LOCKS = "locks"
_DEATHS = 5


@dataclass(frozen=True)
class Trial:
    """A trial that this process owns.

    Attributes:
        id: four digits, in the order in which trials began.
        hyperparameters: keras-tuner's, with the values of this trial.
        directory: where it is trained.
    """

    id: str
    hyperparameters: keras_tuner.HyperParameters
    directory: Path
    claim: FileLock = field(repr=False)

    @property
    def epochs(self) -> int | None:
        """What Hyperband grants it; None for what the recipe says."""
        return self.hyperparameters.values.get("tuner/epochs")

    @property
    def parent(self) -> str | None:
        """The trial that Hyperband lets go on in this one."""
        return self.hyperparameters.values.get("tuner/trial_id")


@dataclass
class _State:
    """What the file holds: the oracle with its trials, and what it has no place for."""

    oracle: keras_tuner.Oracle
    exhausted: bool = False
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def running(self) -> list[keras_tuner_trial.Trial]:
        return list(self.oracle.ongoing_trials.values())


class Search:
    """One search in one folder, which any number of processes may have open.

    Args:
        directory: it exists.
        make_oracle: a new oracle of this search.
        max_trials: after which no new one begins; None leaves the end to the oracle.
        max_consecutive_failures: after which the search stops.
    """

    def __init__(
        self,
        directory: Path,
        make_oracle: Callable[[], keras_tuner.Oracle],
        *,
        max_trials: int | None = None,
        max_consecutive_failures: int = 5,
    ):
        self.directory = Path(directory)
        self.max_trials = max_trials
        self.max_consecutive_failures = max_consecutive_failures
        self._make_oracle = make_oracle
        (self.directory / _LOCKS).mkdir(exist_ok=True)

    def take(self) -> Trial | None:
        """A trial to run: one whose process has died, or else a new one.

        Returns:
            None where there is none at present; `is_over` says whether there may be later.

        Raises:
            TrainingError: too many trials in a row have failed.
        """
        with self._open() as state:
            self._stop_if_failing(state)
            return self._orphan(state) or self._new(state)

    @property
    def is_over(self) -> bool:
        """Whether no trial runs and none will begin."""
        with self._open() as state:
            return not state.running and (state.exhausted or self._is_full(state))

    def complete(self, trial: Trial, score: float, **facts: Any) -> None:
        """Records the score of a trial, and gives the trial out of hand.

        Args:
            trial: that this process owns.
            score: its value of the objective, a finite number.
            **facts: plain values for the table.
        """
        with self._open() as state:
            state.oracle.update_trial(trial.id, {state.oracle.objective.name: score})
            self._end(state, trial.id, TrialStatus.COMPLETED, facts)
        trial.claim.release()

    def fail(self, trial: Trial, message: str, **facts: Any) -> None:
        """Records that a trial has failed, and gives it out of hand."""
        with self._open() as state:
            self._end(state, trial.id, TrialStatus.FAILED, {"message": message, **facts})
        trial.claim.release()

    def _new(self, state: _State) -> Trial | None:
        if state.exhausted or self._is_full(state):
            return None
        found = state.oracle.create_trial(f"{len(state.oracle.trials):04}")
        state.exhausted = found.status == TrialStatus.STOPPED
        if found.status != TrialStatus.RUNNING:
            return None
        state.facts[found.trial_id] = {"deaths": 0, "reached": None}
        return self._owned(found, self._claim(found.trial_id))

    def _orphan(self, state: _State) -> Trial | None:
        for found in state.running:
            claim = self._claim(found.trial_id)
            if claim is None:  # its process lives
                continue
            facts = state.facts[found.trial_id]
            reached = self._reached(found.trial_id)
            facts["deaths"] = facts["deaths"] + 1 if reached == facts["reached"] else 1
            facts["reached"] = reached
            if facts["deaths"] < _DEATHS:
                return self._owned(found, claim)
            message = (
                f"Its process died {_DEATHS} times in a row without a new checkpoint. The system "
                "kills processes that need more memory than there is."
            )
            self._end(state, found.trial_id, TrialStatus.FAILED, {"message": message})
            claim.release()
            self._stop_if_failing(state)
        return None

    def _owned(self, found: keras_tuner_trial.Trial, claim: FileLock) -> Trial:
        return Trial(
            found.trial_id, found.hyperparameters.copy(), self.folder(found.trial_id), claim
        )

    def describe(self, trial_id: str) -> str:
        """How a trial has ended, and the best so far."""
        with self._open() as state:
            oracle, found = state.oracle, state.oracle.trials[trial_id]
            if found.status == TrialStatus.FAILED:
                return f"failed: {state.facts[trial_id]['message']}"
            best, name = oracle.get_best_trials()[0], oracle.objective.name
            return f"{name} {found.score:.5g} (best: {best.score:.5g}, trial {best.trial_id})"

    def folder(self, trial_id: str) -> Path:
        """Where a trial is trained."""
        return self.directory / TRIALS / trial_id

    def _claim(self, trial_id: str) -> FileLock | None:
        """The lock of a trial in this process' hands, or None where it is in another's."""
        lock = FileLock(self.directory / _LOCKS / trial_id)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return None
        return lock

    def _reached(self, trial_id: str) -> list[str]:
        """The checkpoints of a trial: a process that dies at once leaves none that is new."""
        folder = self.folder(trial_id)
        found = folder.glob("**/checkpoints/step-*") if folder.is_dir() else ()
        return sorted(str(path.relative_to(folder)) for path in found)

    def _is_full(self, state: _State) -> bool:
        return self.max_trials is not None and len(state.oracle.trials) >= self.max_trials

    def _end(self, state: _State, trial_id: str, status: str, facts: Mapping[str, Any]) -> None:
        found = state.oracle.trials[trial_id]
        found.status = status
        state.facts[trial_id] |= facts
        state.oracle.end_trial(found)

    def _stop_if_failing(self, state: _State) -> None:
        failed = []
        for trial_id in reversed(state.oracle.end_order):
            if state.oracle.trials[trial_id].status != TrialStatus.FAILED:
                break
            failed.append(trial_id)
        if len(failed) < self.max_consecutive_failures:
            return
        lines = [f"The last {len(failed)} trials have all failed, and the search has stopped:"]
        for trial_id in reversed(failed[: self.max_consecutive_failures]):
            chosen = in_words(state.oracle.trials[trial_id].hyperparameters.values)
            lines.append(f"  {trial_id} ({chosen}): {state.facts[trial_id]['message']}")
        lines.append(
            f"{self.directory / TRIALS} has their tracebacks. The same call with a larger "
            "max_consecutive_failures goes on."
        )
        raise TrainingError("\n".join(lines))

    @contextmanager
    def _open(self) -> Iterator[_State]:
        """The state for this process alone.

        It is written when the block ends, however it ends, if anything has changed: who waits for
        a trial asks every other second.
        """
        file = self.directory / STATE
        with FileLock(self.directory / LOCK):
            state, text = _State(self._make_oracle()), None
            if file.exists():
                text = file.read_text(encoding="utf-8")
                saved = json.loads(text)
                state.oracle.set_state(saved["oracle"])
                state.exhausted, state.facts = saved["exhausted"], saved["facts"]
            try:
                yield state
            finally:
                goal = state.oracle.objective
                content = {
                    "about": {"objective": goal.name, "direction": goal.direction},
                    "exhausted": state.exhausted,
                    "facts": state.facts,
                    "oracle": state.oracle.get_state(),
                }
                changed = json.dumps(content, default=_number)
                if changed != text:
                    with rewriting(file) as new:
                        new.write(changed)


def own_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a trial without those that Hyperband keeps beside them."""
    return {key: value for key, value in values.items() if not key.startswith("tuner/")}


def in_words(values: Mapping[str, Any]) -> str:
    """The values of a trial in a line."""
    return ", ".join(
        f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}"
        for key, value in own_values(values).items()
    )


def is_number(score: Any) -> bool:
    return isinstance(score, int | float) and math.isfinite(score)


def _number(value: Any) -> Any:
    return value.item()  # NumPy's
