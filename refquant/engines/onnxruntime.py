"""ONNX Runtime 1.32 on a CPU: its quantization operators, each as the engine computes it.

    quantize_linear          q = clip(round(x / scale) + zero_point, qmin, qmax)
    dequantize_linear        x_hat = scale * (q - zero_point)
    dynamic_quantize_linear  the range of this very tensor, then quantize_linear to uint8
    matmul_integer           acc = (a - a_zero_point) @ (b - b_zero_point), modulo 2**32
    saturating_matmul        acc of processors without VNNI, whose pairs of products saturate at int16
    qlinear_matmul           y = clip(round(acc * m) + zero_point, qmin, qmax), acc * m in float32
    dynamic_linear           y = acc * (x_scale * w_scale) + bias: the usual graph of five operators
    nbits_weight             w = scale * (q - zero_point): what MatMulNBits multiplies by
    percentile               the calibration tool's range

Arguments are the operators' inputs and attributes; numbers and lists without a dtype are taken as float32. What the
engine leaves to chance (NaN in dynamic_quantize_linear, sums of no terms) is refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .. import arguments, clipping
from ..arguments import Codes, Reals
from ..grids import Grid, IntGrid, known
from ..integer import integer_matmul
from ..packing import unpack
from .inputs import must, take, take_reals


@arguments.quiet
def quantize_linear(x: ArrayLike, y_scale: ArrayLike, y_zero_point: ArrayLike | None = None, *, axis: int = 1,
                    block_size: int = 0, precision: DTypeLike = np.float32, grid: Grid | None = None) -> Codes:
    """y = clip(round(x / y_scale) + y_zero_point, qmin, qmax), ties to the even integer; NaN becomes qmin.

    Args:
        x: (*S) reals, float32 or float16.
        y_scale: reals per step, float32 or float16: one number; or (n,), along the axis of n; or, with a block_size,
            of x's shape with ceil(n / block_size) for n. The last block may be shorter.
        y_zero_point: of y_scale's shape; None is 0.
        axis: the axis that y_scale runs along.
        block_size: how many values of the axis share a scale; 0 for no blocks.
        precision: the dtype of the division. float32 is what the engine does up to opset 21, with float16 data too;
            from opset 23 on it is the attribute of this name, whose default is y_scale's dtype.
        grid: the codes: 2, 4, 8 or 16 bits, not narrow. None is that of the zero point's dtype, and UINT8 without a
            zero point; NumPy has no dtype of 2 or 4 bits.
    Returns:
        (*S) codes in the grid's dtype.

    Departs from R7 (NaN becomes qmin) and R11 (any scale is taken: zero, negative, infinite, NaN), and from R3 if
    precision is float16. Otherwise it is quantize.

    >>> quantize_linear(np.float32([np.nan, 0.5, 1.5, np.inf]), 1.0, np.int8(1))
    array([-128,    1,    3,  127], dtype=int8)

    The float16 nearest to 0.1 goes 2.5006 times into 0.25. In float16 that is a tie:

    >>> x, scale = np.float16([0.25]), np.float16(0.1)
    >>> quantize_linear(x, scale), quantize_linear(x, scale, precision=np.float16)
    (array([3], dtype=uint8), array([2], dtype=uint8))

    Raises:
        ValueError: parameters of another shape, a zero point off the grid, another grid, an axis that x does not have.
        TypeError: other dtypes, float64 among them; a zero point without a dtype, and no grid.
    Source: ONNX QuantizeLinear, opsets 10 to 25; onnxruntime, core/providers/cpu/quantization/quantize_linear.cc.
    """
    where = "quantize_linear"
    x, scale, grid = _reals(where, x, "x"), _reals(where, y_scale, "y_scale"), _grid(where, y_zero_point, grid)
    zero_point = _zero_point(where, y_zero_point, "y_zero_point", grid, scale.shape)
    scale, zero_point = _along(where, x.shape, scale, zero_point, axis, block_size)
    if np.dtype(precision) not in (np.float32, np.float16):
        raise arguments.error(TypeError, where, "`precision` must be float32 or float16", repr(precision), "drop it")
    q = np.rint(x.astype(precision) / scale.astype(precision)) + zero_point
    return _clipped(q, grid)


@arguments.quiet
def dequantize_linear(x: ArrayLike, x_scale: ArrayLike, x_zero_point: ArrayLike | None = None, *, axis: int = 1,
                      block_size: int = 0) -> Reals:
    """y = x_scale * (x - x_zero_point), the product in float32.

    Args:
        x: (*S) codes, int8, uint8, int16, uint16 or int32; those of 2 and 4 bits as int8 or uint8.
        x_scale: reals per step, float32 or float16, shaped as in quantize_linear.
        x_zero_point: of x_scale's shape; None is 0.
        axis, block_size: as in quantize_linear.
    Returns:
        (*S) reals in x_scale's dtype.

    Departs from R2 and R3 with int32: the difference wraps modulo 2**32, and is then rounded to float32.

    >>> dequantize_linear(np.int32([-2**31, 2**24 + 2]), 1.0, 1).tolist()
    [2147483648.0, 16777216.0]

    Raises:
        ValueError: parameters of another shape, a zero point beyond x's dtype, an axis that x does not have.
        TypeError: other dtypes.
    Source: ONNX DequantizeLinear, opsets 10 to 25; onnxruntime, core/providers/cpu/quantization/quantize_linear.cc.
    """
    where = "dequantize_linear"
    q = _codes(where, x, "x", np.int8, np.uint8, np.int16, np.uint16, np.int32)
    scale = _reals(where, x_scale, "x_scale")
    zero_point = _zero_point(where, x_zero_point, "x_zero_point", _grid_of(q), scale.shape)
    scale, zero_point = _along(where, q.shape, scale, zero_point, axis, block_size)
    steps = np.subtract(q, zero_point, dtype=np.int32)
    return np.asarray(steps.astype(np.float32) * scale.astype(np.float32)).astype(scale.dtype)


@arguments.quiet
def dynamic_quantize_linear(x: ArrayLike) -> tuple[Codes, Reals, Codes]:
    """y_scale = (hi - lo) / 255, y_zero_point = round(clip(0 - lo / y_scale, 0, 255)), y = quantize_linear(x, ...).

    Args:
        x: (*S) float32. [lo, hi] is its range, widened to contain 0.
    Returns:
        (*S) uint8 codes, the float32 scale, the uint8 zero point. Scale 1 and zero point 0 where all x are 0, or none
        is there.

    Departs from R11: the scale of a range that overflows is infinite, that of one below 1.8e-43 is 0.

    >>> dynamic_quantize_linear(np.float32([3e38, -3e38]))
    (array([0, 0], dtype=uint8), array(inf, dtype=float32), array(0, dtype=uint8))
    >>> dynamic_quantize_linear(np.float32([1e-45, 0]))
    (array([255,   0], dtype=uint8), array(0., dtype=float32), array(255, dtype=uint8))

    Raises:
        ValueError: NaN (R7): what the engine makes of it depends on its place.
        TypeError: other dtypes.
    Source: ONNX DynamicQuantizeLinear, opset 11; onnxruntime, core/util/qmath.h, GetQuantizationParameter. Where all x
    are 0, ONNX's reference has scale 1/255 and its function body 0 (onnx issue 8437).
    """
    x = arguments.reals("dynamic_quantize_linear", _reals("dynamic_quantize_linear", x, "x", np.float32))
    lo, hi = x.min(initial=0), x.max(initial=0)
    scale = (hi - lo) / np.float32(255) if hi > lo else np.float32(1)
    zero_point = np.rint(np.fmax(np.fmin(0 - lo / scale, 255), 0)).astype(np.uint8)  # fmin(NaN, 255) = 255
    return quantize_linear(x, scale, zero_point), np.asarray(scale), np.asarray(zero_point)


def matmul_integer(a: ArrayLike, b: ArrayLike, a_zero_point: ArrayLike | None = None,
                   b_zero_point: ArrayLike | None = None) -> Codes:
    """acc = (a - a_zero_point) @ (b - b_zero_point), modulo 2**32.

    Args:
        a: (*S, M, K) codes, int8 or uint8.
        b: (*S, K, N) codes, int8 or uint8.
        a_zero_point: one number; None is 0.
        b_zero_point: one number; or (N,), if b has two axes; or of b's shape with 1 for K. None is 0.
    Returns:
        (*S, M, N) int32.

    Departs from R13: a sum beyond int32 wraps, where integer_matmul widens.

    >>> a = np.full((1, 40000), 255, np.uint8)
    >>> matmul_integer(a, a.T), a.astype(int) @ a.T
    (array([[-1693967296]], dtype=int32), array([[2601000000]]))

    Raises:
        ValueError: shapes that do not fit, zero points beyond the dtype; K = 0, where the engine returns whatever its
            memory held.
        TypeError: other dtypes.
    Source: ONNX MatMulInteger, opset 10; onnxruntime, core/providers/cpu/quantization/matmul_integer.cc.
    """
    where = "matmul_integer"
    a, b = _codes(where, a, "a", np.int8, np.uint8), _codes(where, b, "b", np.int8, np.uint8)
    a_zero = _one_or(where, _zero_point(where, a_zero_point, "a_zero_point", _grid_of(a)), "a_zero_point")
    b_zero = _one_or(where, _zero_point(where, b_zero_point, "b_zero_point", _grid_of(b)), "b_zero_point", *_columns(b))
    must(where, a.shape[-1:] != (0,), "`a` must have a column", f"shape {a.shape}", "the sum of none is 0")
    wide = np.subtract(a, a_zero, dtype=np.int16), np.subtract(b, b_zero, dtype=np.int16)
    return integer_matmul(*wide).astype(np.int32)


def saturating_matmul(a: ArrayLike, b: ArrayLike) -> Codes:
    """acc = sum over pairs of neighbours along K of clip(a1 * b1 + a2 * b2, -2**15, 2**15 - 1), in int32.

    Args:
        a: (*S, M, K) uint8.
        b: (K, N) int8.
    Returns:
        (*S, M, N) int32: the products of codes alone; zero points are taken off afterwards.

    Departs from R13. x86's vpmaddubsw, which processors without VNNI have, adds two products in int16. Weights within
    [-64, 63] never get there (reduce_range), nor do activations up to 127:

    >>> a, b = np.uint8([[255, 255, 1]]), np.int8([[127], [127], [5]])
    >>> saturating_matmul(a, b), matmul_integer(a, b), can_saturate(b), can_saturate(b // 2)
    (array([[32772]], dtype=int32), array([[64775]], dtype=int32), True, False)

    Raises:
        TypeError: other dtypes.
        ValueError: shapes that do not fit.
    Source: Intel's manual, VPMADDUBSW; onnxruntime issue 6004, pytorch issue 44939 (FBGEMM).
    """
    a, b = _codes("saturating_matmul", a, "a", np.uint8), _codes("saturating_matmul", b, "b", np.int8)
    must("saturating_matmul", b.ndim == 2 and a.shape[-1:] == b.shape[:1], "`a` must be (*S, M, K) and `b` (K, N)",
         f"shapes {a.shape} and {b.shape}", "transpose the weights")
    pairs = (integer_matmul(a[..., k:k + 2], b[k:k + 2]) for k in range(0, len(b), 2))
    return np.asarray(sum(np.clip(pair, -(2**15), 2**15 - 1) for pair in pairs))


def can_saturate(b: ArrayLike, largest: int = 255) -> bool:
    """Whether saturating_matmul saturates for some activations from 0 to `largest`: a pair of products beyond int16.

    Args:
        b: (K, N) int8 weights.
        largest: of the activations; 127 with reduce_range.

    >>> can_saturate(np.int8([[64], [65]])), can_saturate(np.int8([[-64], [-64]])), can_saturate(np.int8([[127]]))
    (True, False, False)
    """
    q = _codes("can_saturate", b, "b", np.int8).astype(int)
    pairs = np.pad(q, [(0, len(q) % 2), (0, 0)]).reshape(-1, 2, q.shape[1])
    up, down = largest * pairs.clip(0).sum(axis=1), largest * pairs.clip(None, 0).sum(axis=1)
    return bool((up >= 2**15).any() or (down < -(2**15)).any())


@arguments.quiet
def qlinear_matmul(a: ArrayLike, a_scale: ArrayLike, a_zero_point: ArrayLike, b: ArrayLike, b_scale: ArrayLike,
                   b_zero_point: ArrayLike, y_scale: ArrayLike, y_zero_point: ArrayLike) -> Codes:
    """y = clip(round(acc * m) + y_zero_point, qmin, qmax), m = a_scale * b_scale / y_scale, all of it in float32.

    Args:
        a: (*S, M, K) codes, uint8 or int8.
        b: (*S, K, N) codes, int8; uint8 only if a is.
        a_scale, y_scale: reals per step, float32 or float16, one number each.
        b_scale: the same, but (N,) too, if b has two axes, or of b's shape with 1 for K.
        a_zero_point, b_zero_point: as in matmul_integer, which gives acc.
        y_zero_point: one number.
    Returns:
        (*S, M, N) codes in a's dtype. NaN, from a scale of 0 or infinity, becomes qmin.

    Departs from R13 (acc wraps) and R14: m, acc and their product are each rounded to float32 before the product is
    rounded to an integer. 0.01 * 0.1 / 0.1, in float32, is above the float32 0.01; so 150 of it are above 1.5:

    >>> from refquant import INT8, quantize_multiplier, requantize
    >>> qlinear_matmul(np.int8([[50]]), 0.01, 0, np.int8([[3]]), 0.1, 0, 0.1, 0)
    array([[2]], dtype=int8)
    >>> int(requantize(150, *quantize_multiplier(np.float32(0.01)), 0, INT8))
    1

    Raises:
        ValueError: shapes that do not fit, zero points beyond the dtype; K = 0.
        TypeError: other dtypes, int8 x uint8 among them.
    Source: ONNX QLinearMatMul, opset 21; onnxruntime, core/providers/cpu/quantization/quantize_linear_matmul.cc.
    ONNX's reference adds the zero point before rounding, in float64.
    """
    where = "qlinear_matmul"
    acc = matmul_integer(a, b, a_zero_point, b_zero_point)
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype == np.int8 and b.dtype == np.uint8:
        raise arguments.error(TypeError, where, "`b` must be int8 if `a` is", f"dtype {b.dtype}", "make both uint8")
    a_step, b_step, y_step = (
        _one_or(where, _reals(where, scale, name).astype(np.float32), name, *shapes) for scale, name, shapes in
        ((a_scale, "a_scale", ()), (b_scale, "b_scale", _columns(b)), (y_scale, "y_scale", ())))
    grid = _grid_of(a)
    zero_point = _one_or(where, _zero_point(where, y_zero_point, "y_zero_point", grid), "y_zero_point")
    m = a_step * b_step / y_step
    return _clipped(np.rint(acc.astype(np.float32) * m) + zero_point, grid)


@arguments.quiet
def dynamic_linear(x: ArrayLike, w: ArrayLike, w_scale: ArrayLike, w_zero_point: ArrayLike | None = None,
                   bias: ArrayLike | None = None) -> Reals:
    """y = acc * (x_scale * w_scale) + bias, each operation rounded to float32, x quantized by its own range.

    Args:
        x: (*S, M, K) float32.
        w: (*S, K, N) codes, int8 or uint8.
        w_scale: float32 reals per step, of a shape that broadcasts to y's: () or (N,).
        w_zero_point: as b_zero_point in matmul_integer.
        bias: float32, of a shape that broadcasts to y's, (N,); None is none.
    Returns:
        (*S, M, N) float32.

    The graph DynamicQuantizeLinear, MatMulInteger, Cast, Mul, Add, which quantize_dynamic writes; fused into one
    DynamicQuantizeMatMul or not, the engine computes the same. Departs where these do: R11 and R13. One range serves
    the whole of x, so what else is in the batch changes a result:

    >>> w, scale = np.int8([[100], [-100]]), np.float32(0.01)
    >>> dynamic_linear(np.float32([[0.3, 0.1]]), w, scale)
    array([[0.2]], dtype=float32)
    >>> dynamic_linear(np.float32([[0.3, 0.1], [10, -10]]), w, scale)[:1]
    array([[0.23529412]], dtype=float32)

    Raises: as dynamic_quantize_linear and matmul_integer; ValueError for w_scale or bias of another shape.
    Source: onnxruntime, contrib_ops/cpu/quantization/dynamic_quantize_matmul.cc.
    """
    where = "dynamic_linear"
    q, x_scale, x_zero_point = dynamic_quantize_linear(x)
    acc = matmul_integer(q, w, x_zero_point, w_zero_point)
    step = _reals(where, w_scale, "w_scale", np.float32)
    offset = _reals(where, np.float32(-0.0) if bias is None else bias, "bias", np.float32)  # y + -0.0 is y
    for p in (step, offset):
        arguments.broadcastable(where, p.shape, acc.shape)
    y = acc.astype(np.float32) * (x_scale * step)
    return y + offset


def nbits_weight(b: ArrayLike, scales: ArrayLike, zero_points: ArrayLike | None = None, *, bits: int = 4) -> Reals:
    """w = (q - zero_point) * scale, of blocks along the inputs: the weight by which MatMulNBits multiplies.

    Args:
        b: (N, blocks, block size * bits / 8) uint8, packed as ONNX packs, the first code lowest.
        scales: (N, blocks) float32.
        zero_points: (N, ceil(blocks * bits / 8)) uint8, packed row by row; None is 2**(bits - 1) for all.
        bits: 2, 4 or 8.
    Returns:
        (N, blocks * block size) float32: y = a @ w.T. The order of that sum is not followed, nor is accuracy_level 4,
        which quantizes a too.

    >>> nbits_weight(np.uint8([[[0x98, 0x0F]]]), np.float32([[0.5]]))
    array([[ 0. ,  0.5,  3.5, -4. ]], dtype=float32)

    Raises:
        TypeError: other dtypes.
        ValueError: shapes that do not fit.
    Source: ONNX Runtime contrib operator com.microsoft.MatMulNBits.
    """
    where, grid = "nbits_weight", IntGrid(bits, signed=False)
    b, steps = _codes(where, b, "b", np.uint8), _reals(where, scales, "scales", np.float32)
    must(where, b.ndim == 3 and steps.shape == b.shape[:2], "`b` must be (N, blocks, bytes) and `scales` (N, blocks)",
         f"shapes {b.shape} and {steps.shape}", "reshape what the model holds")
    q = unpack(b.ravel(), grid, b.size * 8 // bits).reshape(*b.shape[:2], -1)
    z: Any = 2 ** (bits - 1)
    if zero_points is not None:
        packed = _codes(where, zero_points, "zero_points", np.uint8)
        z = unpack(packed.ravel(), grid, packed.size * 8 // bits).reshape(len(b), -1)[:, :b.shape[1], np.newaxis]
    return np.asarray((q.astype(np.float32) - z) * steps[..., np.newaxis], np.float32).reshape(len(b), -1)


def percentile(x: ArrayLike, percent: float = 99.999) -> tuple[Reals, Reals]:
    """[lo, hi] without (100 - percent) / 2 percent of the values at each end: refquant's 50 + percent / 2.

    The calibration tool finds the ends in a histogram, so up to one of its bins beside these.

    >>> from refquant import percentile as own
    >>> x = np.arange(1001.0)
    >>> percentile(x, 99), own(x, percent=99), own(x, percent=99.5)
    ((np.float64(5.0), np.float64(995.0)), (np.float64(10.0), np.float64(990.0)), (np.float64(5.0), np.float64(995.0)))

    Source: onnxruntime.quantization.calibrate, HistogramCollector.compute_percentile.
    """
    return clipping.percentile(x, percent=50 + percent / 2)


def _reals(where: str, x: ArrayLike, name: str, *dtypes: type[np.floating[Any]]) -> Reals:
    """`x` in one of the dtypes, float32 and float16 if none are given."""
    return take_reals(where, x, name, *(dtypes or (np.float32, np.float16)))


def _codes(where: str, q: ArrayLike, name: str, *dtypes: DTypeLike) -> Codes:
    return take(where, q, name, dtypes, "cast codes to their grid's dtype")


def _grid(where: str, zero_point: ArrayLike | None, grid: Grid | None) -> Grid:
    """The grid; without one that of the zero point's dtype; without that too UINT8."""
    if grid is None:
        zero = np.uint8(0) if zero_point is None else zero_point
        return _grid_of(take(where, zero, "y_zero_point", (np.int8, np.uint8, np.int16, np.uint16), "or name the grid"))
    taken = known(where, grid).qmin != -grid.qmax and grid.bits in (2, 4, 8, 16)
    must(where, taken, "`grid` must have 2, 4, 8 or 16 bits and not be narrow", grid,
         "take one of rq.INT4, rq.UINT4, rq.INT8 and so on")
    return grid


def _grid_of(q: Codes) -> Grid:
    """All integers of the dtype."""
    return IntGrid(8 * q.itemsize, signed=q.dtype.kind == "i")


def _clipped(q: Reals, grid: Grid) -> Codes:
    """NaN becomes qmin, as fmax(NaN, qmin) is."""
    return np.asarray(np.fmin(np.fmax(q, grid.qmin), grid.qmax)).astype(grid.dtype)


def _zero_point(where: str, zero_point: ArrayLike | None, name: str, grid: Grid, shape: tuple[int, ...] = ()) -> Codes:
    """As int32; None is 0, of this shape."""
    q = np.zeros(shape, int) if zero_point is None else zero_point
    return arguments.within(where, q, grid.qmin, grid.qmax, name, "R2", "it is a code too").astype(np.int32)


def _along(where: str, shape: tuple[int, ...], scale: Reals, zero_point: Codes, axis: int,
           block_size: int) -> tuple[Reals, Codes]:
    """scale and zero point as arrays that broadcast to `shape`."""
    block_size = arguments.whole(where, block_size, "block_size", 0)
    if not block_size and scale.shape in ((), (1,)) and zero_point.shape in ((), (1,)):
        return scale.reshape(()), zero_point.reshape(())
    k = arguments.one_axis(where, shape, axis)
    n = shape[k]
    expected = (*shape[:k], -(-n // block_size), *shape[k + 1:]) if block_size else (n,)
    must(where, scale.shape == zero_point.shape == expected, f"scale and zero point must both be of shape {expected}",
         f"shapes {scale.shape} and {zero_point.shape}", "check `axis` and `block_size`")
    if not block_size:
        rest = (1,) * (len(shape) - k - 1)
        return scale.reshape(n, *rest), zero_point.reshape(n, *rest)
    block = np.arange(n) // block_size
    return scale.take(block, axis=k), zero_point.take(block, axis=k)


def _columns(b: Codes) -> tuple[tuple[int, ...], ...]:
    """The shapes of parameters that each column of b has its own of."""
    per_column = (*b.shape[:-2], 1, *b.shape[-1:])
    return (per_column, per_column[1:]) if b.ndim == 2 else (per_column,)


def _one_or(where: str, p: Any, name: str, *shapes: tuple[int, ...]) -> Any:
    """`p`, which is one number or of one of the shapes; None is 0."""
    if p.shape in ((), (1,)):
        return p.reshape(())
    others = "".join(f" or of shape {shape}" for shape in shapes)
    must(where, p.shape in shapes, f"`{name}` must be one number{others}", f"shape {p.shape}",
         "the engine has no other granularity")
    return p
