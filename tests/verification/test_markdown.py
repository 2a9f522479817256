"""Tables as a renderer of Markdown reads them."""

from __future__ import annotations

import pytest

from keras_wx.verification.markdown import markdown_table


@pytest.mark.parametrize(("right", "rule"), [(False, "|---|---|"), (True, "|---|--:|")])
def test_a_table(right, rule):
    table = markdown_table(["model", "CSI"], [["`a`", "0.5"], ["`b`", "-"]], right=right)
    assert table == f"| model | CSI |\n{rule}\n| `a` | 0.5 |\n| `b` | - |\n"
