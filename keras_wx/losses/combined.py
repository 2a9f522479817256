"""Several losses as one."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from keras_wx.errors import ModelError


@keras.saving.register_keras_serializable(package="keras_wx")
class Combined(keras.losses.Loss):
    """The weighted sum of losses: `sum(factor_i * loss_i)`.

    Each term reduces and masks by its own rule; the sum has none.

    Args:
        losses: the terms.
        factors: one number a term; None for 1 each.

    Call arguments:
        y_true, y_pred, sample_weight: what the terms take.

    Raises:
        ModelError: no term, or another number of factors than of terms.

    Example:

    A preset writes the terms by name, and their transform comes from its target:

    ```yaml
    training:
      loss:
        name: combined
        terms:
          - {name: balanced_error, mse: 1, mae: 0.1}
          - {name: soft_csi, factor: 0.05}
    ```
    """

    def __init__(
        self,
        losses: Sequence[keras.losses.Loss],
        factors: Sequence[float] | None = None,
        name="combined",
    ):
        super().__init__(name=name)
        factors = [1.0] * len(losses) if factors is None else list(factors)
        if not losses or len(losses) != len(factors):
            raise ModelError(
                "Combined: expected at least one loss, and one factor a loss. "
                f"Received: losses={losses}, factors={factors}"
            )
        self.losses = list(losses)
        self.factors = factors

    def __call__(self, y_true, y_pred, sample_weight=None):
        return sum(
            factor * loss(y_true, y_pred, sample_weight)
            for factor, loss in zip(self.factors, self.losses, strict=True)
        )

    def get_config(self):
        return {
            "name": self.name,
            "losses": [keras.losses.serialize(loss) for loss in self.losses],
            "factors": self.factors,
        }

    @classmethod
    def from_config(cls, config):
        losses = [keras.losses.deserialize(loss) for loss in config["losses"]]
        return cls(**config | {"losses": losses})
