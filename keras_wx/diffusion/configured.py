"""What a configuration names: schedules and samplers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from keras_wx.errors import ModelError, unknown_name


class Configured:
    """Base of a family of frozen dataclasses that are told apart by their `name`."""

    kind: ClassVar[str]
    name: ClassVar[str]

    def get_config(self) -> dict[str, Any]:
        """The name and every argument: what `from_config` takes, and a preset writes."""
        return {"name": self.name, **dataclasses.asdict(self)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The member of the family that a configuration names.

        Args:
            config: `name`, and those arguments that differ from their defaults.

        Raises:
            UnknownNameError: the family has no such name.
            ModelError: a name is missing, or an argument unknown or out of range.

        Example:
            >>> keras_wx.diffusion.Schedule.from_config({"name": "cosine", "steps": 2000})
            CosineSchedule(steps=2000, zero_terminal_snr=False, s=0.008, max_beta=0.999)
        """
        known = {each.name: each for each in cls.__subclasses__() or [cls]}
        arguments = dict(config)
        name = arguments.pop("name", None)
        if name is None:
            raise ModelError(
                f"Expected a {cls.kind} such as {{name: {next(iter(known))}}}; its names: "
                f"{', '.join(known)}. Received: {dict(config)}"
            )
        if name not in known:
            raise unknown_name(cls.kind, name, known)
        fields = [field.name for field in dataclasses.fields(known[name])]
        if unknown := [key for key in arguments if key not in fields]:
            raise ModelError(
                f"The {cls.kind} {name!r} has no argument {', '.join(map(repr, unknown))}. "
                f"Its arguments: {', '.join(fields)}"
            )
        return known[name](**arguments)
