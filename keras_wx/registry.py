"""Name -> object registries that find their members by themselves.

The package's own members register when their home package is imported; members of other installed
packages come in through entry points. Both happen at the first look-up, not at import.
"""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from keras_wx.errors import unknown_name

T = TypeVar("T")


class Registry(Generic[T]):
    """A named collection that fills itself at the first look-up.

    Args:
        kind: what a member is called in error messages.
        homes: packages whose modules register members when imported.
        entry_point_group: entry points under this group are loaded too (a module or an object
            whose import registers something).
    """

    def __init__(self, kind: str, homes: tuple[str, ...], entry_point_group: str):
        self.kind = kind
        self.homes = homes
        self.entry_point_group = entry_point_group
        self._members: dict[str, T] = {}
        self._filled = False

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator: registers a class or function under `name`."""

        def decorate(member: T) -> T:
            known = self._members.get(name)
            if known is not None and _origin(known) != _origin(member):
                raise ValueError(
                    f"The {self.kind} name {name!r} is taken by {_origin(known)}. "
                    f"Received: {_origin(member)}"
                )
            self._members[name] = member
            return member

        return decorate

    def get(self, name: str) -> T:
        self._fill()
        if name not in self._members:
            raise unknown_name(self.kind, name, self._members)
        return self._members[name]

    def name_of(self, member: T) -> str | None:
        """The name under which `member` is registered, or None."""
        return next((name for name, known in self._members.items() if known is member), None)

    def __iter__(self) -> Iterator[str]:
        self._fill()
        return iter(sorted(self._members))

    def __contains__(self, name: str) -> bool:
        self._fill()
        return name in self._members

    def _fill(self):
        if self._filled:
            return
        for home in self.homes:
            package = importlib.import_module(home)
            for module in pkgutil.iter_modules(package.__path__):
                importlib.import_module(f"{home}.{module.name}")
        for point in entry_points(group=self.entry_point_group):
            try:
                point.load()
            except Exception as error:  # somebody else's package is no reason to do without ours
                warnings.warn(
                    f"The {self.kind} {point.name!r} of an installed package is left out: "
                    f"{point.value} cannot be imported: {error!r}",
                    stacklevel=2,
                )
        self._filled = True


def _origin(member) -> str:
    return f"{member.__module__}.{member.__qualname__}"


models: Registry[type] = Registry(
    "architecture", ("keras_wx.models", "keras_wx.baselines"), "keras_wx.models"
)
datasets: Registry[Callable] = Registry("dataset", ("keras_wx.data.sources",), "keras_wx.datasets")

register_model = models.register
register_dataset = datasets.register
