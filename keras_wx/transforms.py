"""Physical numbers <-> network numbers.

A transform is a small record of parameters that can be called in both directions. The same code
runs on NumPy arrays (in the data pipeline and in `predict`) and on Keras tensors (inside metrics,
losses and exported graphs): it picks the namespace from what it is given.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, PlainSerializer, model_validator

from keras_wx.errors import PresetError
from keras_wx.record import Record


def _namespace(x: Any):
    """NumPy for what its ufuncs take (xarray and dask too), `keras.ops` for a backend's tensor."""
    import numpy as np

    if isinstance(x, (np.generic, float, int)) or hasattr(x, "__array_ufunc__"):
        return np
    from keras import ops

    return ops


class Transform(Record):
    """Base of the transforms. `t(x)` gives network numbers, `t.inverse(y)` physical ones."""

    key: ClassVar[str]

    def __call__(self, x):
        raise NotImplementedError

    def inverse(self, y):
        raise NotImplementedError

    def with_numbers(self, numbers: dict[str, float]) -> Transform:
        """The same transform, with numbers in the steps that wait for statistics."""
        return self

    def to_config(self) -> dict:
        return {self.key: self.model_dump()}


class Linear(Transform):
    """Maps `[low, high]` to `to`: gray levels. Values outside are clipped unless `clip=False`.

    The Hong Kong radar sets use dBZ with low=-10 and high=60 (HKO-7, `hko_evaluation.py`).
    """

    key: ClassVar[str] = "linear"
    low: float
    high: float
    clip: bool = True
    to: tuple[float, float] = (0.0, 1.0)

    @model_validator(mode="after")
    def _ordered(self):
        if not self.low < self.high:
            raise ValueError(f"expected low < high, received low={self.low}, high={self.high}")
        if not self.to[0] < self.to[1]:
            raise ValueError(f"to: expected [low, high] with low < high, received {list(self.to)}")
        return self

    def __call__(self, x):
        ops, y = _namespace(x), (x - self.low) / (self.high - self.low)
        y = ops.minimum(ops.maximum(y, 0.0), 1.0) if self.clip else y
        first, last = self.to
        return y if (first, last) == (0.0, 1.0) else y * (last - first) + first

    def inverse(self, y):
        scale = (self.high - self.low) / (self.to[1] - self.to[0])
        return y * scale + (self.low - self.to[0] * scale)

    def to_config(self) -> dict:
        # Written only where it says something: older records of the same transform stay equal.
        usual = self.to == (0.0, 1.0)
        return {self.key: self.model_dump(mode="json", exclude={"to"} if usual else None)}


class Cloud(Transform):
    """Reflectivity of clouds: `(low, high]` dBZ to `(-0.5, 1]`, and no cloud to -1.

    The step of 0.5 between the faintest cloud and none lets a network tell them apart. What is at
    or below `low` is no cloud, and so is what no radar measures, beyond 100 dBZ: archives mark
    missing gates by such numbers. Numbers above `high` become 1. The inverse gives `low` for no
    cloud, which is every number up to -0.5.

    References:
        King et al. 2024, Development of a Full-Scale Connected U-Net for Reflectivity Inpainting in
        Spaceborne Radar Blind Zones, doi:10.1175/AIES-D-23-0063.1, and its code.
    """

    key: ClassVar[str] = "cloud"
    CLEAR: ClassVar[float] = -1.0
    LIMIT: ClassVar[float] = 100.0
    low: float = -60.0
    high: float = 30.0

    @model_validator(mode="after")
    def _ordered(self):
        if not -self.LIMIT <= self.low < self.high <= self.LIMIT:
            raise ValueError(
                f"expected {-self.LIMIT:g} <= low < high <= {self.LIMIT:g}, received "
                f"low={self.low}, high={self.high}"
            )
        return self

    def __call__(self, x):
        # Arithmetic in place of `where`, which xarray's objects do not take.
        ops = _namespace(x)
        y = 1.5 * (x - self.low) / (self.high - self.low) - 0.5
        clear = 1.0 - ops.maximum(ops.sign(y + 0.5), 0.0)
        beyond = ops.maximum(ops.sign(x - self.LIMIT), 0.0)
        return ops.minimum(ops.maximum(y, -0.5), 1.0) - 0.5 * clear - 2.0 * beyond

    def inverse(self, y):
        scale = (self.high - self.low) / 1.5
        return (_namespace(y).maximum(y, -0.5) + 0.5) * scale + self.low


class ZR(Transform):
    """Reflectivity in dBZ to rain rate in mm/h by `dBZ = 10 log10(a) + 10 b log10(R)`.

    Rain rates at or below zero have no logarithm: the inverse gives them `no_rain` dBZ, and
    `no_rain` dBZ, to rounding, are no rain.
    """

    key: ClassVar[str] = "zr"
    a: float
    b: float
    no_rain: float = -10.0

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, value):
        if isinstance(value, str):
            if value not in ZR_PAIRS:
                raise ValueError(
                    f"expected one of {sorted(ZR_PAIRS)} or a and b, received {value!r}"
                )
            a, b = ZR_PAIRS[value]
            return {"a": a, "b": b}
        return value

    @model_validator(mode="after")
    def _positive(self):
        if self.a <= 0 or self.b <= 0:
            raise ValueError(f"expected a > 0 and b > 0, received a={self.a}, b={self.b}")
        return self

    def __call__(self, x):
        ops = _namespace(x)
        rate = ops.power(10.0, (x - 10.0 * math.log10(self.a)) / (10.0 * self.b))
        return rate * ops.maximum(ops.sign(x - (self.no_rain + 1e-3)), 0.0)

    def inverse(self, y):
        ops = _namespace(y)
        smallest = 10.0 ** ((self.no_rain - 10.0 * math.log10(self.a)) / (10.0 * self.b))
        rate = ops.maximum(y, smallest)
        return 10.0 * math.log10(self.a) + 10.0 * self.b * ops.log10(rate)


ZR_PAIRS: dict[str, tuple[float, float]] = {
    "hko_2015": (118.239, 1.5241),  # Shi et al. 2015
    "hko_7": (58.53, 1.56),  # Shi et al. 2017, HKO-7 code
    "marshall_palmer": (200.0, 1.6),  # Marshall and Palmer 1948
    "fmi": (223.0, 1.53),  # Finnish composite, from its file's attributes
}


class Log(Transform):
    """`log10(max(x, floor) )`, the inverse being `10**y`. Small values become `floor`."""

    key: ClassVar[str] = "log"
    floor: float

    @model_validator(mode="after")
    def _positive(self):
        if self.floor <= 0:
            raise ValueError(f"expected floor > 0, received {self.floor}")
        return self

    def __call__(self, x):
        ops = _namespace(x)
        return ops.log10(ops.maximum(x, self.floor))

    def inverse(self, y):
        return _namespace(y).power(10.0, y)


class Statistical(Transform):
    """Base of the transforms that may wait for two numbers from the training part."""

    def _numbers(self) -> tuple[float, float]:
        """Both numbers, in the order of the fields."""
        (first, low), (second, high) = self
        if low is None:
            raise PresetError(
                f"The {self.key!r} transform has no {first} and {second} yet. Take them from the "
                "training part with keras_wx.data.fit_statistics(preset, dataset), or write them "
                "into the preset."
            )
        return low, high

    @model_validator(mode="after")
    def _both(self):
        (first, low), (second, high) = self
        if (low is None) != (high is None):
            raise ValueError(f"expected both {first} and {second}, or neither")
        return self

    @property
    def needs_statistics(self) -> bool:
        return next(iter(self))[1] is None

    def fitted(self, statistics: dict[str, float]) -> Self:
        """The same transform with numbers.

        Args:
            statistics: `mean`, `std`, `min` and `max` of what comes in.

        Raises:
            ValueError: for data that are constant.
        """
        raise NotImplementedError

    def with_numbers(self, numbers: dict[str, float]) -> Self:
        return type(self).model_validate(numbers) if self.needs_statistics else self


class Standard(Statistical):
    """Standard score `(x - mean) / std`. Without numbers they are taken from the training part."""

    key: ClassVar[str] = "standard"
    mean: float | None = None
    std: float | None = None

    @model_validator(mode="after")
    def _positive(self):
        if self.std is not None and self.std <= 0:
            raise ValueError(f"expected std > 0, received {self.std}")
        return self

    def fitted(self, statistics: dict[str, float]) -> Standard:
        return Standard(mean=statistics["mean"], std=statistics["std"])

    def __call__(self, x):
        mean, std = self._numbers()
        return (x - mean) / std

    def inverse(self, y):
        mean, std = self._numbers()
        return y * std + mean


class MinMax(Statistical):
    """Maps the range `[low, high]` of the training part to [0, 1]; values beyond it go beyond.

    Without numbers they are taken from the training part.
    """

    key: ClassVar[str] = "minmax"
    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _ordered(self):
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError(f"expected low < high, received low={self.low}, high={self.high}")
        return self

    def fitted(self, statistics: dict[str, float]) -> MinMax:
        return MinMax(low=statistics["min"], high=statistics["max"])

    def __call__(self, x):
        low, high = self._numbers()
        return (x - low) / (high - low)

    def inverse(self, y):
        low, high = self._numbers()
        return y * (high - low) + low


class Chain(Transform):
    """Transforms one after the other; the inverse undoes them from the last to the first."""

    key: ClassVar[str] = "chain"
    steps: tuple[Transform, ...]

    def __call__(self, x):
        for step in self.steps:
            x = step(x)
        return x

    def inverse(self, y):
        for step in reversed(self.steps):
            y = step.inverse(y)
        return y

    def with_numbers(self, numbers: dict[str, float]) -> Chain:
        return Chain(steps=tuple(step.with_numbers(numbers) for step in self.steps))

    def to_config(self) -> list[dict]:
        return [step.to_config() for step in self.steps]


TRANSFORMS: dict[str, type[Transform]] = {
    t.key: t for t in (Linear, Cloud, ZR, Log, Standard, MinMax)
}
IDENTITY = Chain(steps=())


def steps_of(transform: Transform) -> tuple[Transform, ...]:
    """What a transform does one after the other."""
    return transform.steps if isinstance(transform, Chain) else (transform,)


def waiting(transform: Transform) -> tuple[Statistical, ...]:
    """The steps of a transform that wait for numbers from the training part."""
    return tuple(
        step
        for step in steps_of(transform)
        if isinstance(step, Statistical) and step.needs_statistics
    )


def build(config: Any) -> Transform:
    """Reads `{linear: {low: -10, high: 60}}`, a list of such steps, or nothing (identity).

    Raises:
        ValueError: an unknown transform, or parameters that make none.
    """
    if isinstance(config, Transform):
        return config
    if config is None:
        return IDENTITY
    if isinstance(config, (list, tuple)):
        return Chain(steps=tuple(build(step) for step in config))
    if not isinstance(config, dict) or len(config) != 1:
        raise ValueError(
            f"expected one transform of {sorted(TRANSFORMS)} with its parameters, "
            f"or a list of them, received {config!r}"
        )
    ((key, parameters),) = config.items()
    if key not in TRANSFORMS:
        raise ValueError(f"expected one of {sorted(TRANSFORMS)}, received {key!r}")
    return TRANSFORMS[key].model_validate({} if parameters is None else parameters)


TransformField = Annotated[
    Transform, BeforeValidator(build), PlainSerializer(lambda t: t.to_config())
]
"""A pydantic field type that reads and writes the form that presets use."""
