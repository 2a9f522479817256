"""Models as files that other programs run: SavedModel, ONNX and LiteRT, in physical units."""

from keras_wx.inference.export.write import export

__all__ = ["export"]
