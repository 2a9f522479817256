"""What a network predicts of a noisy field: noise, clean field, velocity, or the mean before it.

With `x_t = alpha x0 + sigma epsilon` and `alpha^2 + sigma^2 = 1`, each follows from another one
and `x_t` (Salimans & Ho 2022, section 4 and appendix D):

* `v = alpha epsilon - sigma x0`
* `x0 = alpha x_t - sigma v = (x_t - sigma epsilon) / alpha`
* `epsilon = alpha v + sigma x_t = (x_t - alpha x0) / sigma`

A field that scatters normally by 1 about a mean `m` is expected, when `x_t` is known, at
`x0 = alpha x_t + sigma^2 m`: `m = -v / sigma`. A network that predicts "mean" may begin as one that
knows nothing of noise and gives `m` from the conditions alone; with what it says in any case, a
field of little noise stays nearly as it is. It is the preconditioning of Karras et al. (2022,
table 1, "Ours", with the unit variance of the data taken about `m`). Transforms of the sample have
to bring that variance about.

Everything is plain arithmetic, so that numbers, NumPy arrays and tensors will do.
"""

from __future__ import annotations

from keras import ops

from keras_wx.errors import unknown_name

PREDICTIONS = ("epsilon", "x0", "v", "mean")


def check_prediction(kind: str) -> None:
    """Raises UnknownNameError unless networks can predict this."""
    if kind not in PREDICTIONS:
        raise unknown_name("prediction", kind, PREDICTIONS)


def to_x0(kind: str, output, x, alpha, sigma):
    """The clean field.

    Args:
        kind: what `output` is, one of `PREDICTIONS`.
        output: what the network said of `x`, of the same shape.
        x: the noisy field.
        alpha: what is left of the field in `x`, of a shape that broadcasts; not 0 for "epsilon".
        sigma: how much noise it has.

    Raises:
        UnknownNameError: another kind.
    """
    check_prediction(kind)
    if kind == "epsilon":
        return (x - sigma * output) / alpha
    if kind == "mean":
        return alpha * x + sigma * sigma * output
    return output if kind == "x0" else alpha * x - sigma * output


def to_epsilon(kind: str, output, x, alpha, sigma):
    """The noise; arguments and errors as of `to_x0`, with a sigma that is not 0 for "x0"."""
    check_prediction(kind)
    if kind == "x0":
        return (x - alpha * output) / sigma
    if kind == "mean":
        return sigma * (x - alpha * output)
    return output if kind == "epsilon" else alpha * output + sigma * x


def to_v(kind: str, output, x, alpha, sigma):
    """The velocity; arguments and errors as of `to_x0`."""
    check_prediction(kind)
    if kind == "epsilon":
        return (output - sigma * x) / alpha
    if kind == "mean":
        return -sigma * output
    return output if kind == "v" else (alpha * x - output) / sigma


def target(kind: str, x0, noise, alpha, sigma):
    """What the network should have said of `alpha x0 + sigma noise`.

    Args:
        kind: one of `PREDICTIONS`.
        x0: the clean field.
        noise: of the same shape.
        alpha: of a shape that broadcasts.
        sigma: likewise; not 0 for "mean".

    Raises:
        UnknownNameError: another kind.
    """
    check_prediction(kind)
    if kind == "epsilon":
        return noise
    if kind == "mean":
        return x0 - alpha / sigma * noise
    return x0 if kind == "x0" else alpha * noise - sigma * x0


def plain_weight(kind: str, sigma):
    """Weight of the squared error without a weighting: 1, and `sigma^2` for "mean".

    That is the error of v. What "mean" should be is anything where there is next to no noise.

    Args:
        kind: one of `PREDICTIONS`.
        sigma: tensor.

    Raises:
        UnknownNameError: another kind.
    """
    check_prediction(kind)
    return ops.square(sigma) if kind == "mean" else 1.0


def min_snr_weight(kind: str, alpha, sigma, gamma: float):
    """Weight of the squared error, so that the cleanest times do not outweigh the others.

    It is `min(SNR, gamma)` times the error of x0 with `SNR = alpha^2 / sigma^2`, which in the error
    of what the network predicts is `min(SNR, gamma)` for "x0", `min(SNR, gamma) / SNR` for
    "epsilon" and `min(SNR, gamma) / (SNR + 1)` for "v" (Hang et al. 2023, section 3.4); for "mean"
    that of "v" times `sigma^2`.

    Args:
        kind: one of `PREDICTIONS`.
        alpha: tensor.
        sigma: tensor of the same shape; 0 nowhere.
        gamma: 5 in the paper.

    Raises:
        UnknownNameError: another kind.

    References:
        Hang et al. (2023), Efficient Diffusion Training via Min-SNR Weighting Strategy,
        arXiv:2303.09556.
    """
    check_prediction(kind)
    signal, noise = ops.square(alpha), ops.square(sigma)
    if kind == "epsilon":
        # Where nothing of the field is left, the quotient is past every gamma, hence 1.
        return ops.minimum(1.0, gamma * noise / ops.maximum(signal, 1e-30))
    smaller = ops.minimum(signal, gamma * noise)
    if kind == "mean":
        return smaller * noise
    return smaller / noise if kind == "x0" else smaller
