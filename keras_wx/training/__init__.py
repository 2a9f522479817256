"""Training that survives: the parts that `keras_wx.train` is made of, for a `fit` by hand."""

from keras_wx.training.averages import AveragedValidation, averaged
from keras_wx.training.feed import Feed
from keras_wx.training.freezing import freeze
from keras_wx.training.guards import Guard
from keras_wx.training.rates import scale_rates
from keras_wx.training.result import TrainingRun
from keras_wx.training.saver import Saver
from keras_wx.training.schedules import LearningRate
from keras_wx.training.state import Progress, Resume, build_all, read_progress
from keras_wx.training.stopping import Stopping

__all__ = [
    "AveragedValidation",
    "Feed",
    "Guard",
    "LearningRate",
    "Progress",
    "Resume",
    "Saver",
    "Stopping",
    "TrainingRun",
    "averaged",
    "build_all",
    "freeze",
    "read_progress",
    "scale_rates",
]
