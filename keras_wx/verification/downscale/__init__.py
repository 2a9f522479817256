"""Scores of downscaled fields: what `predict` draws on the fine grid, against what was there."""

from keras_wx.verification.downscale.table import season_area_table, to_frame
from keras_wx.verification.downscale.verify import verify_downscaled

__all__ = ["season_area_table", "to_frame", "verify_downscaled"]
