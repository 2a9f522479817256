"""What a search space says: which values of a preset vary, and how far. Imports no Keras."""

from __future__ import annotations

import importlib.resources
from collections.abc import Mapping
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from keras_wx.errors import PresetError, unknown_name
from keras_wx.record import Record
from keras_wx.spec import Sample, Training

BUILT_IN = "keras_wx.zoo_configs"
FOLDER = "sweeps"
_SECTIONS = {"config": None, "sample": Sample, "training": Training}


class Parameter(Record):
    """One value that varies: one of several, or a number in a range.

    In a file, a list is short for `{choice: [...]}`.
    """

    choice: tuple[Any, ...] | dict[str, Any] | None = None
    """The values; of a mapping, the values by the names that tables and plots call them."""
    range: tuple[int | float, int | float] | None = None
    """Lowest and highest value, both included. Whole numbers where both are."""
    step: float | None = Field(default=None, gt=0)
    """Distance of two values of a range; with `log`, their ratio."""
    log: bool = False
    """Whether a range is searched on a logarithmic scale."""
    when: dict[str, tuple[Any, ...]] = {}
    """Key of another parameter above -> values of it that make this one matter."""

    @model_validator(mode="before")
    @classmethod
    def _by_list(cls, value):
        return {"choice": value} if isinstance(value, list | tuple) else value

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.choice is None) == (self.range is None):
            raise ValueError("expected either choice or range")
        if self.choice is not None:
            if self.step is not None or self.log:
                raise ValueError("step and log go with range, not with choice")
            if len(self.options) < max(1, len(self.choice)):
                raise ValueError(
                    f"expected different values with different names, received {self.choice!r}"
                )
            return self
        low, high = self.range
        if not low < high:
            raise ValueError(f"expected [low, high] with low < high, received [{low}, {high}]")
        if self.log and low <= 0:
            raise ValueError(f"expected positive numbers with log, received [{low}, {high}]")
        if self.log and self.step is not None and self.step <= 1:
            raise ValueError(f"step is a ratio above 1 with log, received {self.step:g}")
        if self.whole and self.step is not None and self.step != int(self.step):
            raise ValueError(f"expected a whole step between whole numbers, received {self.step:g}")
        return self

    @property
    def whole(self) -> bool:
        """Whether a range is one of whole numbers."""
        return all(isinstance(end, int) for end in self.range)

    @property
    def options(self) -> dict[Any, Any]:
        """What the search calls each choice -> the choice: numbers stand for themselves."""
        if isinstance(self.choice, dict):
            return dict(self.choice)
        if all(type(value) is int for value in self.choice):
            return {value: value for value in self.choice}
        if all(type(value) in (int, float) for value in self.choice):
            return {float(value): value for value in self.choice}
        return {label(value): value for value in self.choice}

    def name_of(self, value: Any) -> Any:
        """What the search calls a choice that is given by its value or by its name."""
        for name, option in self.options.items():
            if value in (name, option):
                return name
        known = ", ".join(str(name) for name in self.options)
        raise ValueError(f"expected values of {known}, received {value!r}")


class Space(Record):
    """A search space, as its YAML file says it.

    Keys are dotted: `config.filters` of the architecture, `training.optimizer.learning_rate` of the
    recipe, `sample.variables.reflectivity.transform` of what a sample is.
    """

    title: str = ""
    description: str = ""
    architecture: str | None = None
    """The family that it is for; None for any."""
    parameters: dict[str, Parameter] = Field(min_length=1)

    @field_validator("parameters")
    @classmethod
    def _keys_exist(cls, parameters):
        for number, (key, parameter) in enumerate(parameters.items()):
            check_key(key)
            above = list(parameters)[:number]
            for parent, values in parameter.when.items():
                if parent not in above:
                    raise ValueError(
                        f"{key}: when: expected a parameter that stands above it "
                        f"({', '.join(above) or 'none does'}), received {parent!r}"
                    )
                if parameters[parent].choice is None:
                    raise ValueError(f"{key}: when: {parent} is a range, not a choice")
                for value in values:
                    parameters[parent].name_of(value)
        return parameters


def check_key(key: str) -> None:
    """Raises ValueError unless a preset can have a value of this dotted name."""
    section, _, rest = str(key).partition(".")
    if section not in _SECTIONS:
        raise ValueError(str(unknown_name("section of a search space", section, _SECTIONS)))
    if not rest:
        raise ValueError(f"expected a dotted key such as '{section}.name', received {key!r}")
    record = _SECTIONS[section]
    if record is None and "." in rest:
        raise ValueError(f"{key}: the configuration of an architecture has no parts")
    if record is not None and rest.partition(".")[0] not in record.model_fields:
        known = [f"{section}.{field}" for field in record.model_fields]
        raise ValueError(str(unknown_name("key of a search space", str(key), known)))


def label(value: Any) -> str:
    """What tables and plots call a choice: `16-32` for a list, `mse` for a loss."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "-".join(label(part) for part in value) or "none"
    if isinstance(value, Mapping):
        parts = [str(value["name"])] if "name" in value else []
        parts += [f"{key}={label(part)}" for key, part in value.items() if key != "name"]
        return " ".join(parts)
    return str(value)


def read_space(space: Space | Mapping[str, Any] | str | Path | None, architecture: str) -> Space:
    """The search space that is meant.

    Args:
        space: a `Space`; its content as a mapping, or of `parameters` alone; a YAML file; the name
            of one in `zoo_configs/sweeps/`; None for the one of the architecture.
        architecture: that it has to be for.

    Raises:
        PresetError: no valid search space, or one for another architecture.
        UnknownNameError: no such file and no such name.
    """
    if isinstance(space, Mapping):
        content = space if "parameters" in space else {"parameters": dict(space)}
        space = _validated(content, "The search space")
    elif not isinstance(space, Space):
        file = _find(space, architecture)
        try:
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise PresetError(f"{file} is not valid YAML: {error}") from None
        space = _validated(content, str(file))
    if space.architecture not in (None, architecture):
        raise PresetError(
            f"This search space is for {space.architecture!r}. Received a model of "
            f"{architecture!r}; space=... says which values of it vary."
        )
    return space


def list_spaces() -> list[str]:
    """Names of the search spaces that come with the package."""
    return sorted(
        entry.name.removesuffix(".yaml") for entry in _folder().iterdir()
        if entry.name.endswith(".yaml")
    )  # fmt: skip


def _find(space: str | Path | None, architecture: str) -> Path | Traversable:
    if space is not None and (Path(space).suffix in (".yaml", ".yml") or Path(space).is_file()):
        file = Path(space).expanduser()
        if not file.is_file():
            raise PresetError(f"There is no search space {file}: no such file.")
        return file
    known = list_spaces()
    name = architecture if space is None else str(space)
    if name not in known:
        hint = "A YAML file, a mapping or a function can be given as space=."
        raise unknown_name("search space", name, known, hint)
    return _folder() / f"{name}.yaml"


def _folder() -> Traversable:
    return importlib.resources.files(BUILT_IN) / FOLDER


def _validated(content: Any, origin: str) -> Space:
    try:
        return Space.model_validate(content)
    except ValidationError as error:
        lines = [f"{origin} is not a valid search space."]
        for problem in error.errors():
            where = ".".join(str(part) for part in problem["loc"]) or "(top level)"
            message = problem["msg"].removeprefix("Value error, ")
            received = "" if "eceived" in message else f". Received: {problem['input']!r:.200}"
            lines.append(f"  {where}: {message}{received}")
        raise PresetError("\n".join(lines)) from None
