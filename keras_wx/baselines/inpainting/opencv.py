"""Inpainting of photographs, by OpenCV."""

from __future__ import annotations

import numpy as np

from keras_wx.baselines.inpainting.base import InpaintingBaseline
from keras_wx.errors import ModelError
from keras_wx.registry import register_model


class PhotoInpainting(InpaintingBaseline):
    """Fills the hole as if the curtain were a photograph, network numbers -1 to 1 as gray 0 to 255.

    The scale matters, since OpenCV's methods are not linear. Gray levels are not rounded.

    Args:
        radius: how far from a gate the known ones lie that it is made of, in gates.
    """

    method: str

    def __init__(self, radius: float = 16.0, name: str | None = None):
        super().__init__(name)
        if radius < 1:
            raise ModelError(f"Expected a radius of at least 1 gate. Received: radius={radius}")
        self.radius = float(radius)

    def fill(self, curtains: np.ndarray, hole: np.ndarray) -> np.ndarray:
        import cv2

        method, mask = getattr(cv2, self.method), hole.astype(np.uint8)
        # Blank, since the gradients that OpenCV takes at the edge of the hole reach into it.
        blank = np.where(hole, self.clear, curtains)
        gray = 255 * (0.5 * blank.astype(np.float32) + 0.5)
        filled = np.stack([cv2.inpaint(each, mask, self.radius, method) for each in gray])
        return filled / 255 * 2 - 1


@register_model("telea")
class Telea(PhotoInpainting):
    """Fills the hole from its edge inwards with weighted means of known gates (fast marching).

    Args:
        radius: how far from a gate the known ones lie that it is made of, in gates.

    Input shape, output shape:
        As `InpaintingBaseline`.

    Raises:
        ModelError: a radius below one gate.

    References:
        Telea (2004), An Image Inpainting Technique Based on the Fast Marching Method, Journal of
        Graphics Tools 9, 23-34.
        Geiss and Hardin (2021), Inpainting radar missing data regions with deep learning,
        Atmospheric Measurement Techniques 14, 7729-7747: the radius.

    Example:
        >>> keras_wx.predict(keras_wx.load("telea"), curtain)
    """

    method = "INPAINT_TELEA"


@register_model("navier_stokes")
class NavierStokes(PhotoInpainting):
    """Fills the hole so that contours run on into it, as streamlines of a fluid do.

    Args:
        radius: how far from a gate the known ones lie that it is made of, in gates.

    Input shape, output shape:
        As `InpaintingBaseline`.

    Raises:
        ModelError: a radius below one gate.

    References:
        Bertalmio, Bertozzi and Sapiro (2001), Navier-Stokes, Fluid Dynamics, and Image and Video
        Inpainting, IEEE Conference on Computer Vision and Pattern Recognition: as OpenCV has it.

    Example:
        >>> keras_wx.predict(keras_wx.load("navier_stokes"), curtain)
    """

    method = "INPAINT_NS"
