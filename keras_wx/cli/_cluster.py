"""The dask cluster that does a command's work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    import distributed

OPTION = "--cluster"


@contextmanager
def connected(address: str | None, timeout: str = "10s") -> Iterator[distributed.Client | None]:
    """A client of the scheduler at an address, closed afterwards; None for none.

    Raises:
        typer.BadParameter: dask's distributed is not installed, or no scheduler answers.
    """
    if address is None:
        yield None
        return
    try:
        import distributed
    except ImportError as error:
        raise typer.BadParameter(
            f"a cluster needs pip install 'keras-wx[cluster]'. Received: {error}",
            param_hint=OPTION,
        ) from error
    try:
        client = distributed.Client(address, timeout=timeout, set_as_default=False)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(
            "expected the address of a scheduler that runs, such as tcp://10.0.0.1:8786, which "
            f"the command `dask scheduler` prints. Received: {address!r}: {error}",
            param_hint=OPTION,
        ) from error
    with client:
        yield client
