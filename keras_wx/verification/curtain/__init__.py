"""Scores of curtains: what `predict` puts into a blind zone, against what was there."""

from keras_wx.verification.curtain.blocks import joined
from keras_wx.verification.curtain.table import to_frame
from keras_wx.verification.curtain.verify import verify_curtain

__all__ = ["joined", "to_frame", "verify_curtain"]
