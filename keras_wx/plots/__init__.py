"""Pictures of forecasts and of their skill.

Each function returns a `matplotlib.figure.Figure` of its own, or writes a file; none of them uses
pyplot, chooses a backend or changes matplotlib's settings.
"""

from keras_wx.plots.animate import animate
from keras_wx.plots.film_strip import film_strip
from keras_wx.plots.skill import skill

__all__ = ["animate", "film_strip", "skill"]
