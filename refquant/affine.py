"""THE FORMULA, both ways.

    q = encode(clip(round(x / scale) + zero_point, qmin, qmax))        x_hat = scale * (decode(q) - zero_point)

The grid says what round, encode and decode are; on integers round is rint, and encode and decode change nothing. Then
this is ONNX QuantizeLinear and DequantizeLinear as ONNX Runtime computes them, NaN apart. Only integers have a zero
point. PyTorch multiplies by
1 / scale instead of dividing; torch.quantize_per_tensor and brevitas add the zero point before rounding; the TFLite
reference rounds ties away from zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from . import arguments
from .arguments import Codes, Reals
from .grids import Grid, known, stepped


@dataclass(frozen=True, eq=False)
class AffineParams(arguments.Value):
    """What a code means: code q stands for the real scale * (decode(q) - zero_point) (R2).

    Args:
        scale: (*S) reals per step, positive and finite; kept in its dtype (float64 beyond 16 bits, R3).
        zero_point: (*S) the code that means 0.0, on the grid; kept signed and wide enough never to wrap. 0 where the
            grid has no equal steps.
        grid: which values exist, and which code each has.
        scale_grid: the grid on which the scales lie (R18), which says how many bits each takes; None: their own dtype.
            Scales on a grid of positive values alone (E8M0) are its values; on another (E4M3) they are its values times
            a second scale, which is not kept.

    scale and zero_point are broadcast to one shape, which must broadcast to the data's: () for one scale per tensor,
    (1, C) for one per column of an (N, C) array, and so on (R12). A value: the arrays are read-only copies; ==
    compares grid, dtype and bits.

    >>> from refquant import INT4
    >>> AffineParams(scale=0.1, zero_point=3, grid=INT4)
    AffineParams(scale=array(0.1), zero_point=array(3, dtype=int16), grid=INT4)

    Raises:
        ValueError: a scale that is not positive and finite, or not on an E8M0 scale grid, a zero point off the grid or
            on a grid without equal steps, shapes that do not broadcast.
        TypeError: a zero point that is no integer, a scale that is no real number, a grid that is no Grid.
    Source: Jacob et al. 2018 (arXiv:1712.05877), eq. 1.
    """

    scale: Reals
    zero_point: Codes
    grid: Grid
    scale_grid: Grid | None = None

    @arguments.quiet
    def __init__(self, *, scale: ArrayLike, zero_point: ArrayLike, grid: Grid, scale_grid: Grid | None = None) -> None:
        known("AffineParams", grid)
        steps = arguments.number("AffineParams", scale, "scale")
        arguments.none("AffineParams", ~((steps > 0) & np.isfinite(steps)), steps,
                       "`scale` must be positive and finite (R11)",
                       "affine_params and symmetric_params give a valid scale for every finite range")
        if scale_grid is not None and known("AffineParams", scale_grid, "scale_grid").qmin > 0:
            arguments.none("AffineParams", scale_grid.round(steps) != steps, steps,
                           f"`scale` must lie on scale_grid={scale_grid} (R18)", "mx_params gives such scales")
        if not grid.equal_steps and np.any(arguments.integers("AffineParams", zero_point, "zero_point")):
            stepped("AffineParams", grid)
        zeros = arguments.within("AffineParams", zero_point, *grid.zero_points, "zero_point", "R2",
                                 "it is the code of 0.0; take one of the grid's")
        steps, zeros = arguments.broadcast("AffineParams", steps, zeros, "`scale` and `zero_point`",
                                           "give both one shape")
        object.__setattr__(self, "scale", arguments.frozen(steps.astype(np.float64) if grid.bits > 16 else steps))
        object.__setattr__(self, "zero_point", arguments.frozen(zeros.astype(grid.zero_point_dtype)))
        object.__setattr__(self, "grid", grid)
        object.__setattr__(self, "scale_grid", scale_grid)

    def __repr__(self) -> str:
        """The call that makes it."""
        more = "" if self.scale_grid is None else f", scale_grid={self.scale_grid}"
        return f"AffineParams(scale={self.scale!r}, zero_point={self.zero_point!r}, grid={self.grid}{more})"


@arguments.quiet
def quantize(x: ArrayLike, params: AffineParams) -> Codes:
    """q = encode(clip(round(x / scale) + zero_point, qmin, qmax)), ties to the even code.

    Args:
        x: (*S) reals, float16, float32 or float64; scalars and lists of floats are taken. Infinities saturate (R6),
            NaN is refused (R7).
        params: scale in reals per step, of a shape that broadcasts to x's (R12).
    Returns:
        (*S) codes in the grid's dtype.

    A tie goes to the even code (R4), before the zero point is added (R5): with zero_point 1, the codes are odd.

    >>> from refquant import INT8
    >>> params = AffineParams(scale=1.0, zero_point=1, grid=INT8)
    >>> quantize([0.5, 1.5, 2.5, 1000.0, -np.inf], params)
    array([   1,    3,    3,  127, -128], dtype=int8)

    The division is true division in x's dtype (R3); float16 is computed in float32, grids beyond 16 bits in float64.

    Raises:
        ValueError: NaN, parameters that do not broadcast to x, a scale that x's dtype cannot hold.
        TypeError: integers, complex or other dtypes.
    Source: ONNX QuantizeLinear, opset 21, as ONNX Runtime computes it. Others: see the module's first lines.
    """
    x = arguments.reals("quantize", x)
    scale, zero_point = _fit("quantize", x, params)
    grid, v = params.grid, np.asarray(x / scale)
    if not grid.encodes_reals:  # where it does, its table rounds and clips
        grid.round(v, out=v)
        if grid.equal_steps:  # elsewhere there is no zero point, and adding 0.0 would take the sign from zero
            np.add(v, zero_point, out=v)
        v.clip(grid.qmin, grid.qmax, out=v)
    return grid.encode(v)


@arguments.quiet
def dequantize(q: ArrayLike, params: AffineParams) -> Reals:
    """x_hat = scale * (decode(q) - zero_point).

    Args:
        q: (*S) codes on the grid, of any integer dtype.
        params: scale in reals per step, of a shape that broadcasts to q's (R12).
    Returns:
        (*S) reals in the scale's dtype (R2). Within one step of the dtype's largest number the product may overflow
        to infinity (R11).

    >>> from refquant import INT4
    >>> dequantize([-8, 3, 7], AffineParams(scale=0.5, zero_point=3, grid=INT4))
    array([-5.5,  0. ,  2. ])

    Raises:
        ValueError: codes off the grid, parameters that do not broadcast to q.
        TypeError: codes that are no integers.
    Source: ONNX DequantizeLinear, opset 21.
    """
    grid, scale = parameters("dequantize", params).grid, params.scale
    q = grid.check("dequantize", q)
    arguments.broadcastable("dequantize", scale.shape, q.shape)
    steps = np.asarray(grid.decode(q) - params.zero_point)
    return np.multiply(steps, scale, dtype=grid.arithmetic(scale.dtype), out=np.empty_like(steps, dtype=scale.dtype))


@arguments.quiet
def fake_quantize(x: ArrayLike, params: AffineParams) -> Reals:
    """x_hat = scale * clip(round(x / scale), qmin - zero_point, qmax - zero_point): x moved to a real that has a code.

    Args:
        x: (*S) reals, as for quantize.
        params: as for quantize.
    Returns:
        (*S) reals in x's dtype (R2; float64 beyond 16 bits, R3).

    >>> from refquant import INT2
    >>> fake_quantize(np.float32([0.26, 0.24, 9.0]), AffineParams(scale=0.5, zero_point=0, grid=INT2))
    array([0.5, 0. , 0.5], dtype=float32)

    The clipped value is decode(quantize(x)) - zero_point; no code is needed on the way. Between the values of qmin and
    qmax the error is at most scale * (gap/2 + (qmax - qmin) * eps) (R16), where neighbouring values are a gap apart.

    Raises: as quantize.
    Source: Jacob et al. 2018 (arXiv:1712.05877), section 3, "simulated quantization".
    """
    x = arguments.reals("fake_quantize", x)
    scale, zero_point = _fit("fake_quantize", x, params)
    grid, v = params.grid, np.asarray(x / scale)
    grid.round(v, out=v)
    v.clip(grid.qmin - zero_point, grid.qmax - zero_point, out=v)
    v += grid.zero
    v *= scale
    return v if grid.bits > 16 else v.astype(x.dtype, copy=False)


def parameters(where: str, params: AffineParams) -> AffineParams:
    """params, which must be AffineParams."""
    return arguments.instance(where, params, AffineParams, "`params` must be AffineParams", "make them with "
                              "affine_params, symmetric_params or AffineParams(scale=, zero_point=, grid=)")


def _fit(where: str, x: Reals, params: AffineParams) -> tuple[Reals, Reals]:
    """scale and zero_point in the dtype of the arithmetic (R3), known to broadcast to x (R12)."""
    arguments.broadcastable(where, parameters(where, params).scale.shape, x.shape)
    dtype = params.grid.arithmetic(x.dtype)
    scale = params.scale.astype(dtype)
    if dtype != params.scale.dtype and scale.size and not (scale.min() > 0 and scale.max() < np.inf):
        raise arguments.error(ValueError, where, "`scale` must stay positive and finite in the dtype of the data (R3)",
                              f"{params.scale[(scale == 0) | (scale == np.inf)][0]} for {dtype}",
                              "take the range from this very data, or convert the data to the scale's dtype")
    return scale, params.zero_point.astype(dtype)
