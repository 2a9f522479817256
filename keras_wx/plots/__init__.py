"""Pictures of forecasts and of their skill.

Each function returns a `matplotlib.figure.Figure` of its own, or writes a file; none of them uses
pyplot, chooses a backend or changes matplotlib's settings.
"""

from keras_wx.plots.animate import animate
from keras_wx.plots.film_strip import film_strip
from keras_wx.plots.performance import performance
from keras_wx.plots.rank_histogram import rank_histogram
from keras_wx.plots.reliability import reliability
from keras_wx.plots.skill import skill
from keras_wx.plots.spectra import spectra
from keras_wx.plots.spread_skill import spread_skill

__all__ = [
    "animate",
    "film_strip",
    "performance",
    "rank_histogram",
    "reliability",
    "skill",
    "spectra",
    "spread_skill",
]
