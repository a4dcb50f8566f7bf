"""SmoothQuant: an input channel that is large is divided by s, and the weights that read it are multiplied by s."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .. import arguments
from ..arguments import Reals
from .layer import inputs_and_weights


@arguments.quiet
def smoothquant(x: ArrayLike, w: ArrayLike, alpha: float = 0.5) -> Reals:
    """s_j = max|x_j|**alpha / max|w_j|**(1 - alpha); then (x / s) @ (s[:, None] * w) is x @ w.

    Args:
        x: (n, n_in) finite reals: the layer's inputs on calibration data; x_j is a column.
        w: (n_in, n_out) finite reals; w_j is a row, the weights that read x_j.
        alpha: how much of the difference between channels goes from x into w: at 1/2, max|x_j / s_j| = max|s_j * w_j|
            in every channel; at 1 all channels of x / s reach 1, at 0 all rows of s[:, None] * w do.
    Returns:
        (n_in,) positive reals in the dtype of x and w, float32 at least; 1 where x_j or w_j is all 0.

    Here one channel is 50 times as large as the 15 others, and one scale serves all of x. In 4 bits that seems to go
    well: the error lies 17 dB below x. But these are the decibels of the largest channel. The others are dead: each of
    their values has become 0. Decibels of the whole tensor hide that.

    >>> from refquant import INT4, dynamic_params, fake_quantize, sqnr_db
    >>> rng = np.random.default_rng(0)
    >>> x, w = rng.normal(size=(200, 16)), rng.normal(size=(16, 8))
    >>> x[:, 0] *= 50
    >>> def rounded(x):
    ...     return fake_quantize(x, dynamic_params(x, INT4))
    >>> round(sqnr_db(x, rounded(x))), round(sqnr_db(x[:, 1:], rounded(x)[:, 1:])), np.unique(rounded(x)[:, 1:])
    (17, 0, array([0.]))
    >>> for alpha in (0.5, 1):
    ...     s = smoothquant(x, w, alpha)
    ...     round(sqnr_db(x[:, 1:], s[1:] * rounded(x / s)[:, 1:]))
    4
    19

    With alpha = 1 the outliers have not gone: they are weights now, a row of s[:, None] * w. In a network 1 / s costs
    nothing: it goes into the layer before, as in cross_layer_equalization.

    Raises:
        ValueError: no data, shapes that do not fit, NaN or infinities, alpha outside 0 to 1.
        TypeError: other dtypes.
    Source: Xiao et al. 2022 (arXiv:2211.10438), section 4, eq. 3 and 4. Engines add a small number to both maxima
    (torchao) or bound them from below; channels without data or weights are left alone here.
    """
    x, w = inputs_and_weights("smoothquant", x, w)
    alpha = arguments.real("smoothquant", alpha, "alpha", "from 0 to 1", lambda v: 0 <= v <= 1, "0.5")
    of_x = np.abs(x).max(axis=0).astype(np.float64)
    of_w = np.abs(w).max(axis=1, initial=0).astype(np.float64)
    dtype = np.result_type(x, w, np.float32)
    s = np.clip(of_x**alpha / of_w ** (1 - alpha), np.finfo(dtype).tiny, np.finfo(dtype).max)
    return np.where((of_x > 0) & (of_w > 0), s, 1).astype(dtype)
