"""Presets that the tests add to the zoo."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from fake_distribution import install

from keras_wx.zoo import presets

PACKAGE = "wx_presets_for_tests"


@contextmanager
def installed(folder: Path, **texts: str) -> Iterator[None]:
    """The zoo with the presets of one more installed package: the YAML text of each by name."""
    install(
        folder,
        PACKAGE,
        {f"configs/{name}.yaml": text for name, text in texts.items()}
        | {"configs/__init__.py": "", "configs/notes.txt": "not a preset"},
        f"[keras_wx.presets]\nall = {PACKAGE}.configs\n",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        _forget()
        yield
    _forget()


def _forget():
    for module in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[module]
    presets._index.cache_clear()
    presets._aliases.cache_clear()


@pytest.fixture
def plugin(tmp_path):
    """Adds presets to the zoo for one test: `plugin(name=text, ...)`."""
    with ExitStack() as stack:
        yield lambda **texts: stack.enter_context(installed(tmp_path, **texts))


@pytest.fixture(scope="module")
def module_plugin(tmp_path_factory):
    """The same for a whole module."""
    folder = tmp_path_factory.mktemp("plugin")
    with ExitStack() as stack:
        yield lambda **texts: stack.enter_context(installed(folder, **texts))
