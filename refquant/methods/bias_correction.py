"""Bias correction: the mean error of a layer's output goes into its bias."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .. import arguments
from ..arguments import Reals
from .layer import layer_data


@arguments.quiet
def bias_correction(bias: ArrayLike, x: ArrayLike, w: ArrayLike, x_hat: ArrayLike, w_hat: ArrayLike) -> Reals:
    """bias + mean(x @ w - x_hat @ w_hat, axis=0): the quantized layer's mean output becomes the float layer's.

    Args:
        bias: (n_out,) finite reals.
        x: (n, n_in) finite reals: the layer's input in the float network.
        w: (n_in, n_out) finite reals.
        x_hat: (n, n_in) finite reals: the layer's input as the quantized layer reads it, after all quantized layers
            before it and its own quantization.
        w_hat: (n_in, n_out) finite reals: the weights that the codes mean.
    Returns:
        (n_out,) in bias's dtype; computed in float64.

    Rounding errors meet inputs whose mean is not 0 (as after ReLU): here the outputs are 0.4 too low in the mean.

    >>> bias_correction([0.0], [[1.0], [3.0]], [[0.7]], [[1.0], [3.0]], [[0.5]]).round(6)
    array([0.4])

    Raises:
        ValueError: no data, shapes that do not fit, NaN or infinities, a result that overflows bias's dtype.
        TypeError: as quantize.
    Source: Nagel et al. 2019 (arXiv:1906.04721, DFQ), section 4.2 and appendix D, the empirical form. The analytic one
    corrects the weights' error alone, mean(x) @ (w - w_hat), and derives mean(x) from batch normalization, without
    data; here the errors of the input count too.
    """
    w, x, x_hat, bias = layer_data("bias_correction", w, x, x_hat, bias)
    w_hat = arguments.finite("bias_correction", w_hat, "w_hat")
    if w_hat.shape != w.shape:
        raise arguments.error(ValueError, "bias_correction", "`w_hat` must be of w's shape",
                              f"{w_hat.shape} for {w.shape}", "give the weights that w's codes mean")
    error = np.mean(x.astype(np.float64) @ w - x_hat.astype(np.float64) @ w_hat, axis=0)
    corrected: Reals = (bias + error).astype(bias.dtype)
    if (beyond := ~np.isfinite(corrected)).any():
        raise arguments.error(ValueError, "bias_correction", f"the corrected bias must be finite in {bias.dtype}",
                              f"{corrected[beyond][0]} at index {arguments.first(beyond)}",
                              "pass a wider bias, or look for the layer whose outputs are this far off")
    return corrected
