"""Pictures of forecasts and of their skill.

Each function returns a `matplotlib.figure.Figure` of its own, or writes a file; none of them uses
pyplot, chooses a backend or changes matplotlib's settings.
"""

from keras_wx.plots.animate import animate
from keras_wx.plots.autocorrelation import autocorrelation
from keras_wx.plots.curtain import curtain
from keras_wx.plots.curtain_calibration import curtain_calibration
from keras_wx.plots.curtain_events import curtain_events
from keras_wx.plots.curtain_profile import curtain_profile
from keras_wx.plots.curtain_spectra import curtain_spectra
from keras_wx.plots.downscaled import downscaled
from keras_wx.plots.explain_channels import channel_importance
from keras_wx.plots.explain_features import feature_maps
from keras_wx.plots.explain_saliency import saliency
from keras_wx.plots.film_strip import film_strip
from keras_wx.plots.lag_curves import lag_curves
from keras_wx.plots.lowest_echo import lowest_echo
from keras_wx.plots.performance import performance
from keras_wx.plots.quantile_quantile import quantile_quantile
from keras_wx.plots.rank_histogram import rank_histogram
from keras_wx.plots.reliability import reliability
from keras_wx.plots.season_area import season_area
from keras_wx.plots.similarity import domain_similarity
from keras_wx.plots.skill import skill
from keras_wx.plots.spectra import spectra
from keras_wx.plots.spread_skill import spread_skill
from keras_wx.plots.variogram import variogram

__all__ = [
    "animate",
    "autocorrelation",
    "channel_importance",
    "curtain",
    "curtain_calibration",
    "curtain_events",
    "curtain_profile",
    "curtain_spectra",
    "domain_similarity",
    "downscaled",
    "feature_maps",
    "film_strip",
    "lag_curves",
    "lowest_echo",
    "performance",
    "quantile_quantile",
    "rank_histogram",
    "reliability",
    "saliency",
    "season_area",
    "skill",
    "spectra",
    "spread_skill",
    "variogram",
]
