"""How an engine reaches the code of one number, step by step, in words; and the engine's own answer, which must agree.

A way names what an engine does; `steps` follows it with the numbers at hand. Nothing is told of an engine whose own
code differs from that of its way (`agreed`), so that no step is told wrongly.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np

from .. import _check
from ..affine import AffineParams, quantize
from ..engines import gguf, litert, onnxruntime, pytorch, torchao
from ..grids import INT8, INT16, UINT8, IntGrid

T = TypeVar("T")
Scalar: TypeAlias = np.floating[Any]
Answer: TypeAlias = tuple[int | None, str]  # a code, None where it is refused; and how it came about


class Point(NamedTuple):
    """One number and its parameters; x and scale of one dtype."""

    x: Scalar
    scale: Scalar
    zero_point: int
    grid: IntGrid = INT8

    def __str__(self) -> str:
        scale, data = ("" if self.x.dtype == np.float32 else f" ({self.x.dtype})"), exactly(self.x)
        return f"x = {data}, scale = {show(self.scale)}{scale}, zero point {self.zero_point}, {name_of(self.grid)}"


class Way(NamedTuple):
    """What an engine does with a number; the default is the rule."""

    division: str = "true"
    before: bool = False  # the zero point is added before rounding
    away: bool = False  # ties go away from zero, otherwise to the even integer
    cast: int = 0  # the bits of an integer before the clip; 0 for none
    wraps: bool = False  # the zero point is added to that integer
    nan: str = "refused"


def name_of(grid: IntGrid) -> str:
    """int8, uint4."""
    return f"{'' if grid.signed else 'u'}int{grid.bits}"


def show(v: Any) -> str:
    """The shortest decimal that means this very number.

    >>> show(np.float32(39.499996)), show(np.float32(1e20)), show(np.float32(2))
    ('39.499996', '1e+20', '2')
    """
    if not np.isfinite(v):
        return str(v)
    plain = 1e-4 <= abs(v) < 1e8 or v == 0
    return np.format_float_positional(v, trim="-") if plain else np.format_float_scientific(v, trim="-")


def exactly(v: Scalar) -> str:
    """The shortest decimal, and the number itself in hexadecimal where they differ.

    >>> exactly(np.float32(2.5)), exactly(np.float32(1.65))
    ('2.5', '1.65 (0x1.a66666p+0)')
    """
    digits, _, exponent = float(v).hex().partition("p")
    short = show(v)
    return short if float(short) == float(v) or not np.isfinite(v) else f"{short} ({digits.rstrip('0')}p{exponent})"


# ---------------------------------------------------------------------------------------------- one step after another

@_check.quiet
def steps(way: Way, p: Point) -> Answer:
    """The code of a number, and how it came about.

    >>> steps(Way(), Point(np.float32(2.5), np.float32(1), 1))
    (3, 'x / scale = 2.5, a tie: to the even 2; + 1 = 3')
    >>> steps(Way("fused", before=True), Point(np.float32(2.5), np.float32(1), 1))
    (4, 'x * (1 / scale) = 2.5, unrounded; + 1, rounded once, = 3.5, a tie: to the even 4')
    """
    if np.isnan(p.x):
        return _of_nan(way, p)
    v, text = _quotient(way, p)
    if np.isnan(v):
        code, how = _of_nan(way, p)
        return code, f"{text}; {how}"
    n = _away(v) if way.away else float(np.rint(v))
    text += _rounded(v, n, way.away)
    rest = 0 if way.before else p.zero_point
    if way.cast:
        return _through(way, n, rest, text, p.grid)
    total = n + rest
    text += f"; + {rest} = {show(v.dtype.type(total))}" if rest else ""
    code = int(min(max(total, p.grid.qmin), p.grid.qmax))
    return code, text + (f"; saturates at {code}" if code != total else "")


def _quotient(way: Way, p: Point) -> tuple[Any, str]:
    x, scale, z = p.x, p.scale, p.zero_point
    if way.division == "true" and x.dtype == np.float16:
        wide = np.float32(x) / np.float32(scale)
        return wide, f"x / scale = {show(wide)} in float32"
    if way.division == "half":
        a, b = np.float16(x), np.float16(scale)
        v: Any = a / b
        return v, f"x / scale = {show(a)} / {show(b)} = {show(v)} in float16"
    if way.division == "true":
        v = x / scale
        return v, f"x / scale = {show(v)}"
    inverse = x.dtype.type(1) / scale
    if way.division == "wide":
        x, inverse = np.float32(x), np.float32(1) / np.float32(scale)
    if way.division == "fused":
        v = pytorch.fused_multiply_add(x, inverse, np.float32(z))[()]
        product = np.multiply(x, inverse, dtype=np.float64)  # exact: 48 bits
        return v, f"x * (1 / scale) = {show(product)}, unrounded; + {z}, rounded once, = {show(v)}"
    if way.division == "flushed" and min(abs(x), abs(inverse)) < np.finfo(x.dtype).tiny and x != 0:
        return x.dtype.type(0), "x * (1 / scale) = 0: a subnormal number counts as 0"
    v = x * inverse
    text = f"x * (1 / scale) = {show(v)}"
    text += f" in {v.dtype}" if p.x.dtype == np.float16 else ""
    return (v + v.dtype.type(z), f"{text}, + {z} = {show(v + v.dtype.type(z))}") if way.before else (v, text)


def _away(v: Any) -> float:
    whole = np.trunc(v)
    return float(whole + np.copysign(np.abs(v - whole) >= 0.5, v)) if np.isfinite(v) else float(v)


def _rounded(v: Any, n: float, away: bool) -> str:
    if not np.isfinite(v) or v == n:
        return ""
    tie = abs(v - np.trunc(v)) == 0.5
    how = ("a tie: away from zero " if away else "a tie: to the even ") if tie else "to the nearest "
    return f", {how}{show(n)}"


def _through(way: Way, n: float, rest: int, text: str, grid: IntGrid) -> Answer:
    """Cast to an integer as x86 does, the zero point added after it or before."""
    low = -(2 ** (way.cast - 1))
    before = n if way.wraps else n + rest
    held = int(before) if low <= before < -low else low
    text += f"; int{way.cast} does not hold it: -2**{way.cast - 1}" if held != before else ""
    total = held + (rest if way.wraps else 0)
    if way.wraps and rest:
        wrapped = (total - low) % (-2 * low) + low
        text += f"; + {rest} = {wrapped}" if wrapped == total else f"; + {rest} wraps to {wrapped}"
        total = wrapped
    elif rest and held == before:
        text += f"; + {rest} = {held}"
    code = min(max(total, grid.qmin), grid.qmax)
    return code, text + (f"; clipped to {code}" if code != total else "")


def _of_nan(way: Way, p: Point) -> Answer:
    """What becomes of NaN, for which no engine looks."""
    if way.nan == "refused":
        return None, "NaN has no code"
    if way.nan == "cast":
        return _through(way, float("nan"), p.zero_point, "NaN", p.grid)
    return {"qmin": p.grid.qmin, "qmax": p.grid.qmax, "0": 0}[way.nan], f"NaN is not looked for, and ends as {way.nan}"


# ---------------------------------------------------------------------------------------------- the engines

def rule(p: Point) -> Answer:
    """What refquant says."""
    try:
        code: int | None = int(quantize(np.asarray(p.x), _params(p)))
    except ValueError:
        code = None
    return agreed("refquant", code, steps(Way(), p))


def _params(p: Point) -> AffineParams:
    return AffineParams(scale=p.scale, zero_point=p.zero_point, grid=p.grid)


def _onnxruntime(p: Point) -> int:
    return int(onnxruntime.quantize_linear(p.x, p.scale, p.grid.dtype.type(p.zero_point)))


def _onnxruntime_float16(p: Point) -> int:
    zero = p.grid.dtype.type(p.zero_point)
    return int(onnxruntime.quantize_linear(p.x, p.scale, zero, precision=np.float16))


def _per_tensor(p: Point) -> int:
    return int(pytorch.quantize_per_tensor(p.x, float(p.scale), p.zero_point, p.grid))


def _per_channel(p: Point) -> int:
    return int(pytorch.quantize_per_channel(p.x.reshape(1), [p.scale], [p.zero_point], 0, p.grid)[0])


def _fake_per_tensor(p: Point) -> int:
    return _code(pytorch.fake_quantize_per_tensor_affine(p.x, float(p.scale), p.zero_point, p.grid)[0], p)


def _fake_per_channel(p: Point) -> int:
    fake = pytorch.fake_quantize_per_channel_affine(p.x.reshape(1), [p.scale], [p.zero_point], 0, p.grid)
    return _code(fake[0][0], p)


def _code(x_hat: Any, p: Point) -> int:
    """The code that a fake-quantized real means."""
    return round(float(x_hat) / float(p.scale)) + p.zero_point


def _torchao(p: Point) -> int:
    return int(torchao.quantize_affine(p.x.reshape(1), (1,), p.scale.reshape(1), [p.zero_point], p.grid)[0])


def _litert_reference(p: Point) -> int:
    return int(litert.quantize_reference(p.x, _params(p)))


def _litert_xnnpack(p: Point) -> int:
    return int(litert.quantize_xnnpack(p.x, _params(p)))


class Engine(NamedTuple):
    """An operator that takes a number, a scale and a zero point: its code, its way, the grids and dtypes it has."""

    code: Callable[[Point], int]
    way: Way
    grids: tuple[IntGrid, ...] = (INT8, UINT8)
    half: Way | None = None  # its way with float16 data


RECIPROCAL = Way("reciprocal")
QUANTIZERS: dict[str, Engine] = {
    "ONNX Runtime QuantizeLinear": Engine(_onnxruntime, Way(nan="qmin"), (INT8, UINT8, INT16), Way(nan="qmin")),
    "ONNX Runtime QuantizeLinear, precision=float16": Engine(_onnxruntime_float16, Way("half", nan="qmin"),
                                                             (INT8, UINT8), Way("half", nan="qmin")),
    "torch.quantize_per_tensor": Engine(_per_tensor, Way("fused", before=True, nan="qmax")),
    "torch.quantize_per_channel": Engine(_per_channel, Way("reciprocal", before=True, nan="0")),
    "torch.fake_quantize_per_tensor_affine": Engine(_fake_per_tensor, RECIPROCAL._replace(nan="qmin"),
                                                    (INT8, UINT8, INT16), Way("wide", nan="qmin")),
    "torch.fake_quantize_per_channel_affine": Engine(_fake_per_channel, RECIPROCAL._replace(cast=64, nan="cast"),
                                                     (INT8, UINT8, INT16), Way("wide", cast=64, nan="cast")),
    "torchao quantize_affine": Engine(_torchao, RECIPROCAL._replace(nan="0"), (INT8, UINT8, INT16),
                                      RECIPROCAL._replace(nan="0")),
    "LiteRT QUANTIZE, reference": Engine(_litert_reference, Way(away=True, cast=32, wraps=True, nan="cast"),
                                         (INT8, UINT8, INT16)),
    "LiteRT QUANTIZE, XNNPACK": Engine(_litert_xnnpack, Way("flushed", nan="qmax")),
}


def agreed(name: str, code: T, told: tuple[T, str]) -> tuple[T, str]:
    """What is told of an engine, which must be what the engine gives.

    >>> agreed("an engine", 3, (3, "so"))
    (3, 'so')
    """
    if told[0] != code:
        raise RuntimeError(f"{name} gives {code}, its steps {told[0]}: {told[1]}")
    return told


def answer(name: str, p: Point) -> Answer | None:
    """What an engine makes of a number; None if it has no such operator."""
    if name in BLOCKS:
        return BLOCKS[name](p)
    engine = QUANTIZERS[name]
    way = engine.way if p.x.dtype == np.float32 else engine.half
    if way is None or p.grid not in engine.grids or p.x.dtype == np.float64 or (
            name == "LiteRT QUANTIZE, XNNPACK" and p.scale < np.finfo(np.float32).tiny):
        return None
    return agreed(name, engine.code(p), steps(way, p))


# ---------------------------------------------------------------------------------------------- blocks, which have no z

def block_q8_0(p: Point) -> Any:
    """A block whose largest value gives this very scale, x in second place; None if there is none."""
    return _block(p, np.float32(127) * p.scale, np.float32(0), np.float32(127), 127.0, -127.0)


def block_q4_0(p: Point) -> Any:
    """Likewise: -8 steps are the largest magnitude."""
    return _block(p, np.float32(-8) * p.scale, np.float32(0), np.float32(-8), 7.5, -7.5)


def block_q4_1(p: Point) -> Any:
    """Likewise: from 0 to 15 steps, or from -8 to 7."""
    low, high = (-8, 7) if p.x < 0 else (0, 15)
    top, bottom = np.float32(high) * p.scale, np.float32(low) * p.scale
    block = _block(p, top, bottom, np.float32(high), high, low)
    return None if block is None or (top - bottom) / np.float32(15) != p.scale else block


def _block(p: Point, first: Any, last: Any, steps_of_first: Any, most: float, least: float) -> Any:
    plain = p.x.dtype == np.float32 and p.zero_point == 0 and p.grid == INT8
    if not plain or not (least * p.scale <= p.x <= most * p.scale) or first / steps_of_first != p.scale:
        return None
    return np.array([first, p.x, last] + 29 * [0], np.float32)


def _q8_0(p: Point) -> Answer | None:
    block = block_q8_0(p)
    if block is None:
        return None
    code: int | None = int(gguf.quantize_q8_0(block).view(np.int8)[3])
    return agreed("Q8_0", code, steps(Way("reciprocal", away=True), p))


def _q4_0(p: Point) -> Answer | None:
    block = block_q4_0(p)
    if block is None:
        return None
    v = p.x * (np.float32(1) / p.scale)
    total = v + np.float32(8.5)
    told = f"x * (1 / scale) = {show(v)}, + 8.5 = {show(total)} in float32, truncated: {int(total)}, which means {{}}"
    code = min(int(total), 15) - 8
    return agreed("Q4_0", int(gguf.quantize_q4_0(block)[3] & 15) - 8, (code, told.format(code)))


def _q4_1(p: Point) -> Answer | None:
    block = block_q4_1(p)
    if block is None:
        return None
    low = round(float(block.min() / p.scale))
    v = (p.x - block.min()) * (np.float32(1) / p.scale)
    total = v + np.float32(0.5)
    code = min(int(total), 15) + low
    above = f"(x - min) * (1 / scale), min = {low} steps," if low else "x * (1 / scale)"
    told = f"{above} = {show(v)}, + 0.5 = {show(total)} in float32, truncated: {int(total)}"
    return agreed("Q4_1", int(gguf.quantize_q4_1(block)[5] & 15) + low,
                  (code, told + (f", which means {code}" if low else "")))


BLOCKS: dict[str, Callable[[Point], Answer | None]] = {"gguf Q8_0": _q8_0, "gguf Q4_0": _q4_0, "gguf Q4_1": _q4_1}
