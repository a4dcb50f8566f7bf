"""One layer's data, as adaround and bias_correction take them."""

from __future__ import annotations

from numpy.typing import ArrayLike

from .. import arguments
from ..arguments import Reals


def layer_data(where: str, w: ArrayLike, x: ArrayLike, x_hat: ArrayLike, bias: ArrayLike) -> tuple[Reals, ...]:
    """(w, x, x_hat, bias) of one layer as finite arrays that fit each other and hold data."""
    w, x, x_hat, bias = arrays = tuple(arguments.finite(where, a, name) for a, name in (
        (w, "w"), (x, "x"), (x_hat, "x_hat"), (bias, "bias")))
    if not (x.ndim == w.ndim == 2 and x.size and x.shape == x_hat.shape and (x.shape[1], *bias.shape) == w.shape):
        raise arguments.error(ValueError, where, "`w` (n_in, n_out), `x` and `x_hat` (n, n_in), and `bias` (n_out,) "
                              "must fit, with n, n_in > 0", f"shapes {', '.join(str(a.shape) for a in arrays)}",
                              "give one layer's weights and its inputs, a row per sample")
    return arrays


def inputs_and_weights(where: str, x: ArrayLike, w: ArrayLike) -> tuple[Reals, Reals]:
    """(x, w) of one layer as finite arrays that fit each other and hold data."""
    x, w = arguments.finite(where, x, "x"), arguments.finite(where, w, "w")
    if not (x.ndim == w.ndim == 2 and x.size and x.shape[1] == len(w)):
        raise arguments.error(ValueError, where, "`x` (n, n_in) and `w` (n_in, n_out) must fit, with n, n_in > 0",
                              f"shapes {x.shape} and {w.shape}", "give one layer's inputs, a row per sample, and its "
                              "weights")
    return x, w
