"""Legends stay inside their figures."""

import pytest
from matplotlib.lines import Line2D

from keras_wx.plots.layout import legend, panels


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize(
    "names",
    [
        ["a", "b"],
        [*(f"{kind}_ncep_air.ncep_air" for kind in ("ddpm", "unet", "vae")), "quantile_mapping"],
        ["unet3plus_curtain_small, from random weights with a first guess", "repeat"],
    ],
)
def test_a_legend_is_inside(names, count):
    figure, _ = panels(count)
    legend(figure, [Line2D([], []) for _ in names], names)
    figure.draw_without_rendering()
    inside, (found,) = figure.bbox, figure.legends
    box = found.get_window_extent()
    assert inside.x0 <= box.x0
    assert box.x1 <= inside.x1
    assert box.y1 <= inside.y1


def test_short_names_are_side_by_side():
    figure, _ = panels(3)
    legend(figure, [Line2D([], []) for _ in range(4)], ["ours", "REP", "MAR", "linear"])
    (found,) = figure.legends
    figure.draw_without_rendering()
    heights = {round(text.get_window_extent().y0) for text in found.get_texts()}
    assert len(heights) == 1
