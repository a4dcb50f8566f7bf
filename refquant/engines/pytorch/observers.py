"""From ranges to parameters, and the observers that choose a range: of all batches, or of ends that move."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from ... import arguments
from ...arguments import Codes, Reals
from ...grids import UINT8, UINT16, Grid, IntGrid, known

Fit: TypeAlias = "Callable[[ArrayLike, ArrayLike, Grid], tuple[Reals, Codes]]"

EPS = float(np.finfo(np.float32).eps)


@arguments.quiet
def affine_qparams(lo: ArrayLike, hi: ArrayLike, grid: Grid, eps: float = EPS) -> tuple[Reals, Codes]:
    """scale = max((hi - lo) / (qmax - qmin), eps),  zero_point = clip(qmin - round(lo / scale), qmin, qmax).

    Args:
        lo, hi: (*S) reals, taken in float32 and widened to contain 0. NaN gives a NaN scale.
        grid: which codes exist. reduce_range=True is a grid of one bit fewer; quant_min=-127 is a narrow one.
        eps: the smallest scale.
    Returns:
        scale (*S) float32, and zero_point (*S) int64.

    Departs from R11: no scale is below 1.19e-07, however small the data, and an all-zero range has that one.

    >>> import refquant as rq
    >>> affine_qparams(0.0, 1e-6, UINT8)[0], rq.affine_params(np.float32(0), np.float32(1e-6), UINT8).scale
    (np.float32(1.1920929e-07), array(3.9215684e-09, dtype=float32))

    Departs from R9 where hi - lo overflows, from R7 and R11 at infinite and NaN ends: no code is their zero point, and
    int32 wraps to qmax on a signed grid, to 0 on an unsigned one.

    >>> affine_qparams(-3e38, 3e38, UINT8)[0], [int(affine_qparams(-np.inf, 1.0, g)[1]) for g in (rq.INT8, UINT8)]
    (np.float32(inf), [127, 0])

    Raises:
        ValueError: lo > hi.
    Source: torch.ao.quantization.observer, UniformQuantizationObserverBase._calculate_qparams, in PyTorch 2.13.0.
    """
    lo, hi = _ends("affine_qparams", lo, hi, grid)
    scale = np.maximum((hi - lo) / np.float32(grid.qmax - grid.qmin), np.float32(eps))
    steps = np.rint(lo / scale).astype(np.float64)
    whole = np.where(np.abs(steps) < 2.0**31, steps, -(2.0**31)).astype(np.int64)
    return scale, np.clip((grid.qmin - whole).astype(np.int32).astype(np.int64), grid.qmin, grid.qmax)


@arguments.quiet
def symmetric_qparams(lo: ArrayLike, hi: ArrayLike, grid: Grid, eps: float = EPS) -> tuple[Reals, Codes]:
    """scale = max(max(-lo, hi) / ((qmax - qmin) / 2), eps),  zero_point = 0, or the middle code when unsigned.

    Args: as affine_qparams.
    Returns:
        scale (*S) float32, and zero_point (*S) int64: 0 if signed, 128 on UINT8, 32768 on UINT16, otherwise
        (qmin + qmax) // 2. (Asked for 8 bits by quant_min=0, quant_max=255, PyTorch takes 127.)

    Departs from R10: int8 divides by 127.5, so that hi lies on a tie with a code that does not exist, and is clipped;
    and the middle of other unsigned grids is rounded down. Departs from R11 as affine_qparams.

    >>> import refquant as rq
    >>> lo, hi = np.float32(-1.275), np.float32(0.3)
    >>> symmetric_qparams(lo, hi, rq.INT8)[0], rq.symmetric_params(lo, hi, rq.INT8).scale
    (np.float32(0.01), array(0.01003937, dtype=float32))
    >>> int(symmetric_qparams(-1, 1, rq.UINT4)[1]), int(rq.symmetric_params(-1, 1, rq.UINT4).zero_point)
    (7, 8)

    Raises: as affine_qparams.
    Source: as affine_qparams. A change to max(-lo / 128, hi / 127) is proposed (pytorch/pytorch#180990).
    """
    lo, hi = _ends("symmetric_qparams", lo, hi, grid)
    scale = np.maximum(np.maximum(-lo, hi) / np.float32((grid.qmax - grid.qmin) / 2), np.float32(eps))
    middle = (grid.qmin + grid.qmax + (grid in (UINT8, UINT16))) // 2
    return scale, np.full(scale.shape, 0 if grid.qmin < 0 else middle)[()]


def reduce_range(grid: Grid) -> Grid:
    """qmin // 2 to qmax // 2: reduce_range=True, so that pairs of products fit int16 in old x86 instructions.

    >>> from refquant import INT8
    >>> reduce_range(INT8).qmin, reduce_range(UINT8).qmax
    (-64, 127)
    """
    return IntGrid(known("reduce_range", grid).bits - 1, signed=grid.qmin < 0)


# ---------------------------------------------------------------------------------------------- observers

def min_max_observer(batches: Iterable[ArrayLike], grid: Grid, fit: Fit = affine_qparams) -> tuple[Reals, Codes]:
    """(scale, zero_point) of the smallest and largest value of all batches, in float32.

    Args:
        batches: reals; empty ones are passed over.
        grid: which codes exist.
        fit: affine_qparams or symmetric_qparams (torch.per_tensor_affine, torch.per_tensor_symmetric).
    Returns:
        scale () float32, and zero_point () int64.

    Departs from R7: NaN gives a NaN scale; and no data give scale 1 and zero point 0, with a warning there.

    >>> min_max_observer([[0.5, 2.0], [-1.0]], UINT8)
    (np.float32(0.011764706), np.int64(85))

    Source: torch.ao.quantization.MinMaxObserver in PyTorch 2.13.0.
    """
    ends = [(x.min(), x.max()) for x in _batches("min_max_observer", batches)]
    return fit(*_widest(ends), grid) if ends else (np.ones((), np.float32), np.zeros((), np.int64))


def per_channel_min_max_observer(batches: Iterable[ArrayLike], grid: Grid, fit: Fit = affine_qparams,
                                 ch_axis: int = 0) -> tuple[Reals, Codes]:
    """(scale, zero_point) of each channel's smallest and largest value of all batches.

    Args:
        batches: reals of two axes at least, with one number of channels.
        grid, fit: as min_max_observer.
        ch_axis: the axis KEPT.
    Returns:
        scale (C,) float32, and zero_point (C,) int64; of no data (1,).

    >>> per_channel_min_max_observer([np.float32([[0, 255], [-51, 0]])], UINT8)
    (array([1. , 0.2], dtype=float32), array([  0, 255]))

    Departs from R7 and from R12, as min_max_observer.
    Source: torch.ao.quantization.PerChannelMinMaxObserver in PyTorch 2.13.0.
    """
    ends = [_channel_ends(x, ch_axis) for x in _batches("per_channel_min_max_observer", batches)]
    return fit(*_widest(ends), grid) if ends else (np.ones(1, np.float32), np.zeros(1, np.int64))


@arguments.quiet
def moving_average_min_max_observer(batches: Iterable[ArrayLike], grid: Grid, fit: Fit = affine_qparams,
                                    averaging_constant: float = 0.01) -> tuple[Reals, Codes]:
    """(scale, zero_point) of ends that move: lo += averaging_constant * (min(x) - lo), hi likewise, from the first on.

    Args:
        batches, grid, fit: as min_max_observer.
        averaging_constant: how far the ends move; each operation is rounded to float32, the constant too.
    Returns:
        scale () float32, and zero_point () int64.

    The formula is moving_average_observer's, the bits are not: that one computes in float64 and rounds once.

    >>> import refquant as rq
    >>> from refquant import moving_average_observer
    >>> batches = [np.float32([0, 1]), np.float32([0, 0.3])]
    >>> params = rq.static_params(batches, UINT8, observer=moving_average_observer(0.01))
    >>> float(moving_average_min_max_observer(batches, UINT8)[0] * 255), float(params.scale * 255)
    (0.9929999709129333, 0.9930000305175781)

    Departs from R7 as min_max_observer.

    Raises:
        ValueError: ends whose roundings have carried them past one another; PyTorch asserts the same.
    Source: torch.ao.quantization.MovingAverageMinMaxObserver in PyTorch 2.13.0.
    """
    ends = [(x.min(), x.max()) for x in _batches("moving_average_min_max_observer", batches)]
    return fit(*_moved(ends, averaging_constant), grid) if ends else (np.ones((), np.float32), np.zeros((), np.int64))


@arguments.quiet
def moving_average_per_channel_min_max_observer(batches: Iterable[ArrayLike], grid: Grid, fit: Fit = affine_qparams,
                                                ch_axis: int = 0,
                                                averaging_constant: float = 0.01) -> tuple[Reals, Codes]:
    """(scale, zero_point) of each channel's moving ends: the two observers above in one.

    Args:
        batches, grid, fit, ch_axis: as per_channel_min_max_observer.
        averaging_constant: as moving_average_min_max_observer.
    Returns:
        scale (C,) float32, and zero_point (C,) int64; of no data (1,).

    >>> batches = [np.float32([[0, 1], [0, 2]]), np.float32([[0, 2], [0, 2]])]
    >>> moving_average_per_channel_min_max_observer(batches, UINT8, averaging_constant=0.5)[0] * 255
    array([1.5, 2. ], dtype=float32)

    Departs from R7 and R12 as per_channel_min_max_observer.
    Source: torch.ao.quantization.MovingAveragePerChannelMinMaxObserver in PyTorch 2.13.0.
    """
    where = "moving_average_per_channel_min_max_observer"
    ends = [_channel_ends(x, ch_axis) for x in _batches(where, batches)]
    return fit(*_moved(ends, averaging_constant), grid) if ends else (np.ones(1, np.float32), np.zeros(1, np.int64))


def _widest(ends: list[tuple[Reals, Reals]]) -> tuple[Reals, Reals]:
    return np.minimum.reduce([lo for lo, _ in ends]), np.maximum.reduce([hi for _, hi in ends])


def _moved(ends: list[tuple[Reals, Reals]], rate: float) -> tuple[Reals, Reals]:
    (lo, hi), c = ends[0], np.float32(rate)
    for low, high in ends[1:]:
        lo, hi = lo + c * (low - lo), hi + c * (high - hi)
    return lo, hi


def _ends(where: str, lo: ArrayLike, hi: ArrayLike, grid: Grid) -> tuple[Reals, Reals]:
    """lo and hi in float32 and one shape, widened to contain 0."""
    known(where, grid)
    a, b = np.broadcast_arrays(np.asarray(lo, np.float32), np.asarray(hi, np.float32))
    arguments.none(where, a > b, a, "`lo` must be at most `hi`", "pass (lo, hi) in this order")
    return np.minimum(a, np.float32(0)), np.maximum(b, np.float32(0))


def _batches(where: str, data: Iterable[ArrayLike]) -> list[Reals]:
    """The batches that hold data, in float32."""
    arguments.batches(where, data)
    return [x.astype(np.float32) for x in (arguments.array(where, x, "x") for x in data) if x.size]


def _channel_ends(x: Reals, ch_axis: int) -> tuple[Reals, Reals]:
    axis = arguments.one_axis("per_channel_min_max_observer", x.shape, ch_axis)
    if x.ndim < 2:
        raise arguments.error(ValueError, "per_channel_min_max_observer", "a batch must have two axes at least",
                              f"shape {x.shape}", "x[:, np.newaxis] makes channels of one value")
    others = tuple(i for i in range(x.ndim) if i != axis)
    return x.min(axis=others), x.max(axis=others)
