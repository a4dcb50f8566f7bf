"""Static beside dynamic: is the clipping range known before the input, or taken from it?"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike

from . import arguments
from .affine import AffineParams
from .clipping import Axis, Clip, minmax
from .clipping.rule import ranged
from .grids import Grid, known
from .observers import Observer, minmax_observer
from .ranges import Fit, affine_params, fitted


@arguments.quiet
def static_params(batches: Iterable[ArrayLike], grid: Grid, *, axis: Axis = None,
                  observer: Observer = minmax_observer, fit: Fit = affine_params) -> AffineParams:
    """fit(range of all batches together): one range, fixed before the inputs that it will serve.

    Args:
        batches: any iterable of (*S) reals, seen once, one at a time; empty ones count for nothing.
        grid: which codes exist.
        axis: the axes REDUCED over in each batch (minmax); None gives one range per tensor.
        observer: how data seen in pieces become a range.
        fit: how a range becomes parameters, affine_params or symmetric_params.

    A bare array is refused: its rows would be taken for batches, and axis would mean another axis.

    >>> import numpy as np
    >>> from refquant import UINT2
    >>> params = static_params([np.float32([0, 1]), np.float32([3])], UINT2)
    >>> float(params.scale), int(params.zero_point)
    (1.0, 0)

    Raises:
        TypeError: a bare array, something that is not an observer, a fit that is no function.
        ValueError: no data, NaN or infinities in it, batches of different shapes along the axes kept.
    Source: Jacob et al. 2018 (arXiv:1712.05877), section 3.1; "calibration" as in arXiv:2004.09602.
    """
    arguments.batches("static_params", batches)
    known("static_params", grid)
    arguments.instance("static_params", observer, Observer, "`observer` must be an Observer",
                       "pass rq.minmax_observer or rq.histogram_observer(clip), say")
    states = (observer.observe(batch, axis) for batch in batches)
    return fitted("static_params", fit, *observer.range(reduce(observer.merge, states, observer.empty)), grid)


@arguments.quiet
def dynamic_params(x: ArrayLike, grid: Grid, axis: Axis = None, *,
                   clip: Clip = minmax, fit: Fit = affine_params) -> AffineParams:
    """fit(clip(x)): the range of this very input.

    Args:
        x: (*S) reals.
        grid: which codes exist.
        axis: the axes REDUCED over: None per tensor, where a sample's codes depend on the rest of its batch; -1 per
            row (per token), where they do not.
        clip: how data become a range, any function (x, axis=) -> (lo, hi) that keeps the reduced axes as 1.
        fit: how a range becomes parameters, affine_params or symmetric_params.

    >>> from refquant import UINT2
    >>> dynamic_params([[0.0, 3.0], [0.0, 30.0]], UINT2, axis=-1).scale
    array([[ 1.],
           [10.]])

    Raises:
        ValueError: no data, NaN or infinities.
        TypeError: integers, complex or other dtypes; a list of arrays: it would be stacked.
    Source: ONNX DynamicQuantizeLinear (per tensor); per row as in ZeroQuant (arXiv:2206.01861), "token-wise".
    """
    if isinstance(x, (list, tuple)) and any(hasattr(part, "__array__") and np.ndim(part) for part in x):
        raise arguments.error(TypeError, "dynamic_params", "`x` must be one array", f"a {type(x).__name__} of arrays",
                              "static_params takes batches; np.stack or np.concatenate makes one array of them")
    return fitted("dynamic_params", fit, *ranged("dynamic_params", clip, x, axis), grid)
