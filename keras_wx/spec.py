"""What a preset says: the sample a model eats and gives, its configuration, its weights.

One schema holds all three tasks. It refuses unknown keys, and imports neither Keras nor NumPy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)

from keras_wx.errors import PresetError, UnknownNameError, unknown_name
from keras_wx.record import Record
from keras_wx.transforms import IDENTITY, Transform, TransformField, waiting

Task = Literal["nowcast", "inpaint", "downscale"]
Role = Literal["input", "target", "mask", "static", "calendar"]

CALENDAR = {
    "latitude": "degrees_north",
    "longitude": "degrees_east",
    "day_of_season": "1",
    "day_of_year_sin": "1",
    "day_of_year_cos": "1",
    "year": "year",
}
"""Maps that are made of times and coordinates -> their units. `day_of_season` goes from 0 to 1
through the meteorological season, the year has fractions."""

_UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}


def parse_step(value: Any) -> Any:
    """Reads '6min', '1h', '30s' or '1d'; leaves a timedelta as it is."""
    if value is None or isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|min|h|d)\s*", str(value).lower())
    if not match or float(match[1]) <= 0:
        raise ValueError(f"expected a time such as '5min', '1h', '30s' or '1d', received {value!r}")
    return timedelta(**{_UNITS[match[2]]: float(match[1])})


def format_step(step: timedelta | None) -> str | None:
    """The inverse of `parse_step`: the largest unit that gives a whole number."""
    if step is None:
        return None
    seconds = step.total_seconds()
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds % length == 0:
            return f"{seconds / length:g}{unit}"
    return f"{seconds:g}s"


Step = Annotated[timedelta, BeforeValidator(parse_step), PlainSerializer(format_step)]


class Grid(Record):
    """A grid of a sample. `None` leaves a size or a spacing open: any is accepted."""

    dims: tuple[str, str] = ("y", "x")
    shape: tuple[int | None, int | None] = (None, None)
    spacing_km: float | None = Field(default=None, gt=0)
    multiple: int = Field(default=1, ge=1)
    """What rows and columns have to be a multiple of, for the patches or poolings of a model."""
    spacing: dict[str, str] = {}
    """Spacing of a dimension that is no horizontal distance, e.g. `{height: 78m, time: 4s}`."""
    first_row: Literal["north", "south"] | None = None
    """Which row of latitudes comes first; data that run the other way are turned round."""
    onto: str | None = None
    """The grid that fields of this one are interpolated onto when they are read."""
    method: Literal["nearest", "bilinear", "bicubic"] = "nearest"
    """How they are."""

    @field_validator("shape")
    @classmethod
    def _positive(cls, shape):
        if any(size is not None and size < 1 for size in shape):
            raise ValueError(f"expected sizes of at least 1, received {list(shape)}")
        return shape


class Variable(Record):
    """One variable in one role: which frames of it, in which units, transformed how.

    `steps` counts from the time of the forecast: `[-4, 0]` are the last five frames, `[1, 15]` the
    next fifteen. `fill` is the physical value that stands in for missing input.
    """

    name: str
    units: str
    role: Role
    grid: str
    steps: tuple[int, int] | None = None
    transform: TransformField = IDENTITY
    fill: float | None = None
    auxiliary: bool = False
    """Whether a target is one that the loss does not train, as published networks have them. The
    forecast leaves it out."""
    statistics_by: tuple[Literal["season", "area", "month"], ...] = ()
    """What the waiting transform has numbers of its own for: the season or month of each frame, and
    the area that the data say they are of."""
    statistics: dict[str, dict[str, float]] = {}
    """Group, such as `DJF/A0` by season and area -> the numbers of the waiting transform. Filled in
    from the training part."""

    @field_validator("steps")
    @classmethod
    def _ordered(cls, steps):
        if steps is not None and steps[0] > steps[1]:
            raise ValueError(f"expected [first, last] with first <= last, received {list(steps)}")
        return steps

    @property
    def frames(self) -> int:
        return 1 if self.steps is None else self.steps[1] - self.steps[0] + 1

    @property
    def offsets(self) -> range:
        return range(1) if self.steps is None else range(self.steps[0], self.steps[1] + 1)

    @model_validator(mode="after")
    def _grouped(self):
        by = ", ".join(self.statistics_by)
        if self.statistics and not self.statistics_by:
            raise ValueError(f"{self.name!r} has statistics of groups: expected statistics_by too")
        if by and self.role in ("static", "calendar") and self.statistics_by != ("area",):
            raise ValueError(
                f"{self.name!r}: what is {self.role} has statistics by area or none, received "
                f"statistics_by: {by}"
            )
        if by and len(waiting(self.transform)) != 1:
            raise ValueError(
                f"{self.name!r}: statistics_by expects a transform in which one step waits for "
                f"statistics, such as {{minmax: {{}}}}, received {self.transform.to_config()}"
            )
        for group, numbers in self.statistics.items():
            (step,) = waiting(self.transform)
            try:
                complete = not waiting(self.transform_of(group))
            except ValueError:
                complete = False
            if not complete:
                expected = " and ".join(type(step).model_fields)
                raise ValueError(
                    f"{self.name!r}, statistics of {group!r}: expected {expected} of a "
                    f"{step.key!r} transform, received {numbers}"
                )
        return self

    def __hash__(self) -> int:
        # A mapping has none; variables that differ in their statistics alone may share one.
        return hash((self.name, self.role, self.grid, self.steps, self.transform))

    @property
    def needs_statistics(self) -> bool:
        """Whether its transform waits for numbers from the training part."""
        return bool(waiting(self.transform)) and not self.statistics

    def transform_of(self, group: str) -> Transform:
        """Its transform with the numbers of one group.

        Raises:
            PresetError: for a group without statistics.
        """
        if group not in self.statistics:
            raise PresetError(
                f"Variable {self.name!r} has no statistics of {group!r}, only of "
                f"{sorted(self.statistics) or 'nothing'}. "
                "keras_wx.data.fit_statistics(preset, dataset) takes them from the training part, "
                "which has to reach into each group."
            )
        return self.transform.with_numbers(self.statistics[group])


class RainFilter(Record):
    """Which windows are worth training on: enough of the grid above a threshold."""

    above: float
    """Threshold in the units of the sample's first target."""
    min_fraction: float = Field(ge=0, le=1)
    """Least fraction of the grid above it, on average over the window's frames."""


class CloudFilter(Record):
    """Which curtains are worth training on: a square of gates above the blind zone is all cloud.

    References:
        King et al. 2024, doi:10.1175/AIES-D-23-0063.1: 10 x 10 gates above -60 dBZ.
    """

    above: float = -60.0
    """Threshold in the units of the sample's first target."""
    size: int = Field(default=10, ge=1)
    """Rows and columns of the square."""


def _kind_of_filter(value: Any) -> str:
    keys = value if isinstance(value, dict) else type(value).model_fields
    return _FILTERS[0] if "min_fraction" in keys else _FILTERS[1]


_FILTERS = "filter of rain", "filter of cloud"
WindowFilter = Annotated[
    Annotated[RainFilter, Tag(_FILTERS[0])] | Annotated[CloudFilter, Tag(_FILTERS[1])],
    Discriminator(_kind_of_filter),
]


class BlindZone(Record):
    """What a radar from above or beside does not see: the lowest gates of each column.

    The mask is 1 in the blind zone, falls linearly to 0 over the rows of the buffer, and is 0
    above.
    """

    height: float | None = Field(default=None, gt=0)
    """Metres above the surface; None for what the data say, column by column."""
    variable: str = "blind_zone_top"
    """The variable of the data that says it, in metres. The higher of the two is taken."""
    buffer: int = Field(default=8, ge=0)
    """Rows of the buffer in a forecast."""
    train_buffer: tuple[int, int] = (1, 9)
    """Least and greatest number of rows that training draws for each window."""

    @field_validator("train_buffer")
    @classmethod
    def _ordered(cls, rows):
        if not 0 <= rows[0] <= rows[1]:
            raise ValueError(f"expected [least, greatest] with 0 <= least, received {list(rows)}")
        return rows


class Sample(Record):
    """The contract between data and model: what a model eats and gives."""

    step: Step | None = None
    layout: Literal["frames", "channels"] = "frames"
    """How arrays are laid out: `frames` are `(batch, time, y, x, channels)`, one channel a
    variable; with `channels` they are `(batch, y, x, channels)`, one channel a frame of a variable,
    and everything meets on one grid. Curtains have a layout of their own."""
    grids: dict[str, Grid] = Field(min_length=1)
    variables: tuple[Variable, ...] = Field(min_length=1)
    filter: WindowFilter | None = None
    blind_zone: BlindZone | None = None

    @model_validator(mode="after")
    def _complete(self):
        for variable in self.variables:
            if variable.grid not in self.grids:
                raise ValueError(
                    f"variable {variable.name!r} ({variable.role}): expected a grid of "
                    f"{sorted(self.grids)}, received {variable.grid!r}"
                )
        for role in ("input", "target"):
            if not self.of_role(role):
                raise ValueError(f"expected at least one variable with role {role!r}")
        self._check_onto()
        self._check_channels()
        return self

    def _check_onto(self) -> None:
        own = [name for name, grid in self.grids.items() if grid.onto is None]
        for name, grid in self.grids.items():
            if grid.onto is not None and grid.onto not in own:
                raise ValueError(
                    f"grids.{name}.onto: expected one of {own}, a grid that is interpolated onto "
                    f"none itself, received {grid.onto!r}"
                )

    def _check_channels(self) -> None:
        """What only samples of channels can do, and what they cannot."""
        if self.layout == "frames":
            needs = [f"grids.{name}.onto" for name, grid in self.grids.items() if grid.onto]
            needs += [f"statistics_by of {v.name!r}" for v in self.variables if v.statistics_by]
            if needs:
                raise ValueError(f"{needs[0]}: expected layout: channels, received layout: frames")
            return
        meet = {self.meeting_grid(variable) for variable in self.variables}
        if len(meet) > 1:
            raise ValueError(
                "layout: channels: expected variables that meet on one grid, received "
                f"{sorted(meet)}. `onto` of a grid names another that its fields are "
                "interpolated onto"
            )
        for variable in self.of_role("calendar"):
            if variable.name not in CALENDAR:
                raise ValueError(
                    f"calendar: expected one of {sorted(CALENDAR)}, received {variable.name!r}"
                )
            if variable.units != CALENDAR[variable.name]:
                raise ValueError(
                    f"calendar {variable.name!r}: expected units {CALENDAR[variable.name]!r}, "
                    f"received {variable.units!r}"
                )

    def meeting_grid(self, variable: Variable) -> str:
        """Name of the grid that a variable is on once it is read."""
        return self.grids[variable.grid].onto or variable.grid

    def of_role(self, *roles: Role) -> tuple[Variable, ...]:
        return tuple(v for v in self.variables if v.role in roles)

    @property
    def is_curtain(self) -> bool:
        """Whether its grid has a height and a time, instead of being a map at each time."""
        return any("time" in grid.dims for grid in self.grids.values())

    @property
    def is_downscaling(self) -> bool:
        """Whether its frames are channels that meet on one grid."""
        return self.layout == "channels" and not self.is_curtain

    @property
    def step_text(self) -> str | None:
        """The step as a preset writes it, e.g. '5min'."""
        return format_step(self.step)

    @property
    def inputs(self) -> tuple[Variable, ...]:
        return self.of_role("input")

    @property
    def targets(self) -> tuple[Variable, ...]:
        return self.of_role("target")

    @property
    def input_steps(self) -> tuple[int, int]:
        return _span(self.inputs)

    @property
    def target_steps(self) -> tuple[int, int]:
        return _span(self.targets)

    @property
    def window_steps(self) -> tuple[int, int]:
        """First and last step that a whole window touches."""
        return _span(self.variables)

    @property
    def window_frames(self) -> int:
        first, last = self.window_steps
        return last - first + 1

    def with_frames(
        self, *, input_frames: int | None = None, output_frames: int | None = None
    ) -> Sample:
        """The same sample with other numbers of past and future frames.

        Where frames are channels, a field of one frame stays one: it is no history.
        """
        changed = []
        for variable in self.variables:
            alone = self.layout == "channels" and variable.frames == 1
            if variable.steps is not None:
                first, last = variable.steps
                if variable.role == "target" and output_frames is not None:
                    last = first + output_frames - 1
                elif variable.role != "target" and input_frames is not None and not alone:
                    first = last - input_frames + 1
                variable = variable.model_copy(update={"steps": (first, last)})
            changed.append(variable)
        return self.model_copy(update={"variables": tuple(changed)})

    def merged(self, override: dict) -> Sample:
        """This sample with the fields that `override` names changed.

        `grids` and `variables` are mappings from a name to the fields that change; a variable's
        fields change in each of its roles. None in their place takes the variable out, and the
        fields of a new one, `role` and `units` among them, put it behind the others. A list of
        names takes out all other inputs and targets. Of `blind_zone` too only the fields that are
        named change.
        """
        data = self.model_dump()
        override = dict(override)
        changes = override.pop("variables", {})
        if isinstance(changes, (list, tuple)) and all(isinstance(n, str) for n in changes):
            changes = self._without_others(changes)
        for name, fields in _changes("grids", override.pop("grids", {})):
            if name not in data["grids"]:
                raise unknown_name("name in sample.grids", name, data["grids"])
            data["grids"][name].update(_fields("grids", name, fields))
        for name, fields in _changes("variables", changes):
            known = [v for v in data["variables"] if v["name"] == name]
            if known and fields is None:
                data["variables"] = [v for v in data["variables"] if v["name"] != name]
                continue
            fields = _fields("variables", name, fields)
            if not known and {"role", "units"} <= fields.keys():
                known = [{"name": name} | self._only_grid()]
                data["variables"] = [*data["variables"], *known]
            if not known:
                names = {v["name"] for v in data["variables"]}
                hint = "A new variable has role and units among its fields."
                raise unknown_name("name in sample.variables", name, names, hint)
            for record in known:
                record.update(fields)
        if isinstance(override.get("blind_zone"), dict):
            override["blind_zone"] = (data["blind_zone"] or {}) | override["blind_zone"]
        return Sample.model_validate(data | override)

    def _without_others(self, names: Iterable[str]) -> dict[str, None]:
        known = dict.fromkeys(v.name for v in self.of_role("input", "target"))
        for name in names:
            if name not in known:
                raise unknown_name("name in sample.variables", name, known)
        return {name: None for name in known if name not in names}

    def _only_grid(self) -> dict[str, str]:
        return {"grid": next(iter(self.grids))} if len(self.grids) == 1 else {}


def _changes(section: str, changes: Any) -> Iterable[tuple[str, Any]]:
    if not isinstance(changes, dict):
        raise PresetError(
            f"sample.{section}: expected a mapping from a name to the fields that change"
            f"{', or names to keep' if section == 'variables' else ''}, received {changes!r}"
        )
    return changes.items()


def _fields(section: str, name: str, fields: Any) -> dict[str, Any]:
    if not isinstance(fields, dict):
        raise PresetError(
            f"sample.{section}.{name}: expected the fields that change, received {fields!r}"
        )
    return fields


def _span(variables: Iterable[Variable]) -> tuple[int, int]:
    spans = [v.steps or (0, 0) for v in variables]
    return min(first for first, _ in spans), max(last for _, last in spans)


class Component(Record):
    """A loss, metric or optimizer by name, with its arguments beside the name."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, value):
        return {"name": value} if isinstance(value, str) else value

    @property
    def arguments(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


def _precision(value: Any) -> Any:
    return {True: "bfloat16", False: None}[value] if isinstance(value, bool) else value


Precision = Annotated[Literal["bfloat16", "float16"] | None, BeforeValidator(_precision)]


class Schedule(Record):
    """What the optimizer's learning rate is multiplied by in the course of a run.

    Several parts multiply. In a preset a single word stands for `{cosine: true}`, `{fall: 0.2}` or,
    as "constant", for nothing at all.
    """

    drops: dict[int, Annotated[float, Field(gt=0)]] = {}
    """Number of epochs -> factor from then on: `{450: 0.1, 475: 0.1}`."""
    cosine: bool = False
    """Whether it falls along half a cosine, from the end of the warm-up to the end of the run."""
    fall: float = Field(default=0, ge=0, le=1)
    """Last fraction of the run over which it falls linearly."""
    end: float = Field(default=0, ge=0, le=1)
    """What the cosine or the linear fall leads to."""

    @model_validator(mode="before")
    @classmethod
    def _by_word(cls, value):
        words = {"constant": {}, "cosine": {"cosine": True}, "fall": {"fall": 0.2}}
        if isinstance(value, str) and value not in words:
            raise ValueError(f"expected one of {', '.join(words)}, or their parts")
        return words[value] if isinstance(value, str) else value

    @property
    def needs_the_end(self) -> bool:
        """Whether it depends on when the run ends."""
        return self.cosine or self.fall > 0


class EarlyStopping(Record):
    """When a run ends before its last epoch, and which of its epochs is the best."""

    monitor: str | None = None
    """A key of the log; None for `val_loss`, or `loss` where there are no data for validation."""
    patience: int = Field(default=20, ge=1)
    """Epochs without improvement."""
    mode: Literal["auto", "min", "max"] = "auto"
    min_delta: float = Field(default=0, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _by_patience(cls, value):
        if isinstance(value, bool):
            return {}
        return {"patience": value} if isinstance(value, int) else value


class Training(Record):
    """The recipe: what `load` compiles a model with, and what a training run starts from.

    Steps are batches. `steps_per_epoch`, `warmup_steps`, `schedule`, `early_stopping` and
    `loss_limit` are for `keras_wx.train` alone.
    """

    loss: Component
    optimizer: Component
    metrics: tuple[Component, ...] = ()
    batch_size: int = Field(default=8, ge=1)
    epochs: int = Field(default=1, ge=1)
    steps_per_epoch: int | None = Field(default=None, ge=1)
    """None: an epoch is all windows once."""
    warmup_steps: int = Field(default=0, ge=0)
    """Steps over which the learning rate rises linearly to its value."""
    schedule: Schedule = Schedule()
    accumulate: int = Field(default=1, ge=1)
    """Batches whose gradients are averaged for one update of the weights."""
    ema: float | None = Field(default=None, gt=0, lt=1)
    """Momentum, in each step, of the moving average of the weights that is validated and kept."""
    mixed_precision: Precision = None
    augment: tuple[Literal["flip", "rotate", "flip_time"], ...] = ()
    """What is done at random to each window: `flip_time` is for curtains, the others for maps."""
    early_stopping: EarlyStopping | None = EarlyStopping()
    loss_limit: float | None = Field(default=1e4, gt=1)
    """A loss this many times the usual one, three steps in a row, ends the run as exploding."""

    @field_validator("early_stopping", "ema", "loss_limit", mode="before")
    @classmethod
    def _off(cls, value):
        return None if value is False else value


class Weights(Record):
    """One set of trained weights, where it comes from, and what it can do."""

    file: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(gt=0)
    sources: tuple[str, ...] = ()
    """Where to fetch it, in order: `https://`, `hf://owner/repository/path[@revision]` or
    `doi:10.x/y/file`.
    A file that ships with the package needs none."""
    sample: dict[str, Any] = {}
    """What differs from the preset's sample: the grid, step and range of the radar it learnt."""
    config: dict[str, Any] = {}
    training: dict[str, Any] = {}
    statistics: dict[str, dict[str, float]] = {}
    """Variable -> mean, std, min, max of the training part."""
    trained_on: str = ""
    recipe: str = ""
    duration: str = ""
    terms: str = ""
    seed: int | None = None
    scores: dict[str, Any] = {}


class WeightsTable(Record):
    default: str | None = None
    variants: dict[str, Weights] = {}

    @model_validator(mode="after")
    def _default_exists(self):
        if self.default is not None and self.default not in self.variants:
            raise ValueError(
                f"default: expected one of {sorted(self.variants)}, received {self.default!r}"
            )
        return self


class Preset(Record):
    """One preset of the zoo, as its YAML file says it. Printing it gives the model card."""

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    title: str
    task: Task
    architecture: str
    description: str = ""
    aliases: tuple[str, ...] = ()
    config: dict[str, Any] = {}
    parameters: int | None = Field(default=None, ge=0)
    """Number of parameters, trainable or not, of the model in this configuration."""
    sample: Sample
    training: Training | None = None
    weights: WeightsTable = WeightsTable()
    references: tuple[str, ...] = ()
    variant: str | None = None
    """The weights variant whose sample this preset carries; None in the file itself."""

    @property
    def full_name(self) -> str:
        return f"{self.name}.{self.variant}" if self.variant else self.name

    @property
    def pretrained(self) -> bool:
        return bool(self.weights.variants)

    def resolved(self, variant: str | None) -> Preset:
        """The preset as one weights variant has it: its sample, configuration and training."""
        if variant is None:
            return self
        if variant not in self.weights.variants:
            raise unknown_name(f"weights variant of {self.name!r}", variant, self.weights.variants)
        weights = self.weights.variants[variant]
        training = self.training
        if weights.training:
            base = training.model_dump() if training else {}
            training = Training.model_validate(base | weights.training)
        return self.model_copy(
            update={
                "variant": variant,
                "sample": self.sample.merged(weights.sample),
                "config": self.config | weights.config,
                "training": training,
            }
        )

    def __str__(self) -> str:
        from keras_wx.card import render

        return render(self)


def read_sample(data: Any, base: Sample | None = None) -> Sample:
    """Builds a sample from what a preset's `sample` section says, or leaves one as it is.

    Args:
        data: a sample, a whole section, or the fields of `base` that change, see `Sample.merged`.
        base: None where `data` has to be whole.

    Raises:
        PresetError: naming key, expectation and what was received.
        UnknownNameError: changes of a grid or variable that `base` does not have.
    """
    try:
        if base is None or not isinstance(data, Mapping) or _is_whole(data):
            return Sample.model_validate(data)
        return base.merged(dict(data))
    except ValidationError as error:
        raise PresetError(_explain(error, "What was given", kind="sample")) from None


def _is_whole(section: Mapping[str, Any]) -> bool:
    variables = section.get("variables")
    return isinstance(variables, (list, tuple)) and any(isinstance(v, dict) for v in variables)


def validate(data: Any, origin: str) -> Preset:
    """Builds a preset, or says which key of `origin` is wrong, what was expected and received.

    Raises:
        PresetError: naming file, key, expectation and what was received.
    """
    try:
        preset = Preset.model_validate(data)
    except ValidationError as error:
        raise PresetError(_explain(error, origin)) from None
    for variant in preset.weights.variants:
        where = f"weights.variants.{variant}"
        try:
            preset.resolved(variant)
        except ValidationError as error:
            section = f"{where}.{error.title.lower()}"
            raise PresetError(_explain(error, origin, section)) from None
        except (PresetError, UnknownNameError) as error:
            raise PresetError(f"{origin} is not a valid preset.\n  {where}: {error}") from None
    return preset


def _explain(error: ValidationError, origin: str, section: str = "", kind: str = "preset") -> str:
    lines = [f"{origin} is not a valid {kind}."]
    for problem in error.errors():
        place = (section, *problem["loc"])
        where = ".".join(str(part) for part in place if part not in ("", *_FILTERS))
        message = problem["msg"].removeprefix("Value error, ")
        message = message.replace("valid tuple", "list").replace("valid dictionary", "mapping")
        message = message.partition(" or instance of ")[0]
        if problem["type"] == "missing":
            message = "this key is missing"
        elif "received" not in message:
            message += f". Received: {problem['input']!r:.200}"
        lines.append(f"  {where or '(top level)'}: {message}")
    return "\n".join(lines)
