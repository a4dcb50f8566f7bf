"""Arguments are parsed, and every message is worded, here.

A message reads `{function}: {rule}; got {what came}. Hint: {what to do}.`; TypeError is for types, ValueError for
values and shapes. IEEE gradual underflow is assumed: on a thread that flushes subnormal numbers to zero, as after
torch.set_flush_denormal(True), they count as 0.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial, wraps
from itertools import zip_longest
from typing import Any, ParamSpec, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Reals: TypeAlias = NDArray[np.floating[Any]]
Codes: TypeAlias = NDArray[np.integer[Any]]
T = TypeVar("T")

P = ParamSpec("P")


def quiet(f: Callable[P, T]) -> Callable[P, T]:
    """f without warnings: saturation is the rule (R6), not an accident, and no global switch changes a result.

    A call that f's signature does not take is refused in the one form of messages.
    """
    @wraps(f)
    def called(*args: P.args, **kwargs: P.kwargs) -> T:
        with np.errstate(all="ignore"):
            try:
                return f(*args, **kwargs)
            except TypeError:
                if takes(f, *args, **kwargs):
                    raise
        named = {name: p for name, p in inspect.signature(f).parameters.items() if name != "self"}
        form = ", ".join(f"{name}=" if p.kind is p.KEYWORD_ONLY else name for name, p in named.items())
        places = len(args) - ("self" in inspect.signature(f).parameters)
        raise error(TypeError, f.__qualname__.split(".")[0], f"the arguments must be ({form})", f"{places} by place "
                    f"and {', '.join(kwargs) or 'none'} by name", "scale, zero point and grid are one value: "
                    "rq.AffineParams(scale=, zero_point=, grid=)")
    return called


class Value:
    """A frozen dataclass whose arrays are read-only. == and hash go by bits; copies and pickles are built anew."""

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), **vars(self)), ()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and _bits(vars(self)) == _bits(vars(other))

    def __hash__(self) -> int:
        return hash(_bits(vars(self)))


def _bits(v: Any) -> Any:
    """`v` with its arrays as their dtype, shape and bytes, so that -0.0 and 0.0 differ."""
    if isinstance(v, np.ndarray):
        return v.dtype.str, v.shape, v.tobytes()
    return tuple(map(_bits, v.values() if isinstance(v, dict) else v)) if isinstance(v, dict | tuple) else v


def error(kind: type[Exception], where: str, rule: str, got: object, hint: str) -> Exception:
    """The one form of every message."""
    return kind(f"{where}: {rule}; got {got}. Hint: {hint}.")


def shown(value: object) -> str:
    """repr(value), at most 60 characters of it; Python itself refuses to write integers of thousands of digits."""
    try:
        text = repr(value)
    except ValueError:
        text = f"a huge {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:57]}..."


def typed(value: object) -> str:
    """The value and its type."""
    return f"{shown(value)} of type {type(value).__name__}"


def first(where_true: NDArray[np.bool_]) -> tuple[int, ...]:
    """The index of the first True."""
    return tuple(int(i) for i in np.unravel_index(np.argmax(where_true), where_true.shape))


def place(where_true: NDArray[np.bool_]) -> str:
    """" at index ... of shape ..." of the first True; a scalar has no index."""
    return f" at index {first(where_true)} of shape {where_true.shape}" if where_true.ndim else ""


def array(where: str, x: ArrayLike, name: str) -> NDArray[Any]:
    """`x` as an array of numbers in the machine's byte order; nothing is copied that need not be."""
    for part in x if isinstance(x, (list, tuple)) else (x,):
        if hasattr(part, "filled"):
            raise error(TypeError, where, f"`{name}` must not be masked", f"a {type(part).__name__}",
                        "fill it, x.filled(0), or drop what is masked, x.compressed()")
    try:
        a = np.asarray(x)
    except (TypeError, RuntimeError, ValueError) as cause:
        kind = ValueError if isinstance(cause, ValueError) else TypeError
        raise error(kind, where, f"`{name}` must be an array, without uneven rows", f"a {type(x).__name__}",
                    f"of a PyTorch tensor, pass {name}.detach().float().numpy()") from cause
    if a.dtype.kind in "OSUMm":
        raise error(TypeError, where, f"`{name}` must hold reals or integers of at most 64 bits (R7)",
                    f"{typed(x)}, dtype {a.dtype}", "data come before parameters, grids and sizes")
    return a.astype(a.dtype.newbyteorder("="), copy=False)


def reals(where: str, x: ArrayLike, name: str = "x") -> Reals:
    """`x` as float16, float32 or float64 without NaN (R7)."""
    a = array(where, x, name)
    if a.dtype not in (np.float16, np.float32, np.float64):
        raise error(TypeError, where, f"`{name}` must be float16, float32 or float64 (R7)", f"dtype {a.dtype}",
                    f"convert it first, for example np.asarray({name}, np.float32); codes belong in dequantize")
    if a.size and np.isnan(a.min()):
        raise error(ValueError, where, f"`{name}` must not hold NaN (R7)", f"NaN{place(np.isnan(a))}",
                    "drop or replace NaN first")
    return a


def none(where: str, bad: NDArray[np.bool_], values: NDArray[Any], rule: str, hint: str) -> None:
    """No value is bad."""
    if bad.any():
        raise at_fault(where, bad, values, rule, hint)


def at_fault(where: str, bad: NDArray[np.bool_], values: NDArray[Any], rule: str, hint: str) -> Exception:
    """The first bad value is named, with its place."""
    return error(ValueError, where, rule, f"{values[bad][0]}{place(bad)}", hint)


def finite(where: str, x: ArrayLike, name: str) -> Reals:
    """`x` as reals without NaN or infinity."""
    a = reals(where, x, name)
    none(where, ~np.isfinite(a), a, f"`{name}` must be finite", "clip or drop infinities first")
    return a


@quiet
def float32(where: str, x: ArrayLike, name: str) -> Reals:
    """`x` as float32, finite there too."""
    return finite(where, finite(where, x, name).astype(np.float32, copy=False), name)


def frozen(values: NDArray[Any]) -> NDArray[Any]:
    """A copy that nobody can write to, not even after flags.writeable = True: its memory is immutable bytes."""
    if not values.size:
        return np.broadcast_to(values.dtype.type(), values.shape)
    return np.frombuffer(values.tobytes(), values.dtype).reshape(values.shape)


def number(where: str, value: ArrayLike, name: str) -> Reals:
    """A range's end or a scale: reals, or integers read as float64."""
    a = array(where, value, name)
    return reals(where, a.astype(np.float64) if a.dtype.kind in "iu" else a, name)


def integers(where: str, q: ArrayLike, name: str) -> Codes:
    """`q` as an array of integers; an empty list counts as one."""
    a = array(where, q, name)
    if a.dtype.kind not in "iu" and not (a.size == 0 and isinstance(q, (list, tuple))):
        raise error(TypeError, where, f"`{name}` must be integers", f"dtype {a.dtype}",
                    f"write 1, not 1.0; an array of whole floats becomes integers by np.asarray({name}).astype(int)")
    return a if a.dtype.kind in "iu" else a.astype(int)


def whole(where: str, value: Any, name: str, least: int, most: int | None = None) -> int:
    """`value` as an int from `least` to `most`."""
    span = f"at least {least}" if most is None else f"from {least} to {most}"
    example = max(least, 8 if most is None else min(8, most))
    kind: type[Exception] = ValueError
    try:
        n = operator.index(value)
    except TypeError:
        n, kind = least - 1, TypeError
    if isinstance(value, (bool, np.bool_)) or n < least or (most is not None and n > most):
        raise error(kind, where, f"`{name}` must be an integer {span}",
                    typed(value) if kind is TypeError else shown(value), f"pass {example}, say")
    return n


def real(where: str, value: Any, name: str, span: str, inside: Callable[[float], bool], example: str) -> float:
    """`value` as a float for which `inside` holds."""
    number = np.nan
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        with suppress(OverflowError):
            number = float(value)
    if not inside(number):
        raise error(ValueError, where, f"`{name}` must be a number {span}", shown(value), f"pass {example}, say")
    return number


def one_axis(where: str, shape: tuple[int, ...], axis: Any) -> int:
    """The axis, counted from the front."""
    return axes(where, shape, (axis,))[0]


def axes(where: str, shape: tuple[int, ...], axis: Any) -> tuple[int, ...]:
    """The axes, counted from the front; None is all."""
    if axis is None:
        return tuple(range(len(shape)))
    try:
        named = axis if isinstance(axis, tuple) else (axis,)
        if any(isinstance(i, (bool, np.ndarray)) for i in named):
            raise TypeError
        return np.lib.array_utils.normalize_axis_tuple(named, len(shape))
    except (ValueError, TypeError, OverflowError) as cause:
        raise error(ValueError, where, f"`axis` must name one of {len(shape)} axes, several each once",
                    f"{shown(axis)} for shape {shape}", "0 is the first axis, -1 the last") from cause


def within(where: str, q: ArrayLike, qmin: int, qmax: int, name: str, rule: str, hint: str) -> Codes:
    """`q` as an array of integers, every one of them from qmin to qmax."""
    q = integers(where, q, name)
    if q.size and (int(q.min()) < qmin or int(q.max()) > qmax):
        raise at_fault(where, (q < qmin) | (q > qmax), q, f"`{name}` must lie from {qmin} to {qmax} ({rule})", hint)
    return q


def instance(where: str, value: object, kind: type[T] | tuple[type[T], ...], rule: str, hint: str) -> T:
    """`value`, which must be a `kind`."""
    if not isinstance(value, kind):
        raise error(TypeError, where, rule, typed(value), hint)
    return value


def takes(f: Any, *args: Any, **kwargs: Any) -> bool:
    """Whether f is a function of these arguments."""
    try:
        inspect.signature(f).bind(*args, **kwargs)
    except (TypeError, ValueError):
        return False
    return True


def called(where: str, name: str, form: str, hint: str, f: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """f(*args, **kwargs), where `name` must be a function of these arguments."""
    try:
        return f(*args, **kwargs)
    except TypeError as cause:
        if takes(f, *args, **kwargs):
            raise
        raise error(TypeError, where, f"`{name}` must be a function {form}", typed(f), hint) from cause


def generator(where: str, rng: object) -> None:
    """A NumPy generator: randomness is an argument."""
    instance(where, rng, np.random.Generator, "`rng` must be a numpy.random.Generator",
             f"pass np.random.default_rng({rng if isinstance(rng, int) else 0})")


def batches(where: str, data: object) -> None:
    """An iterable of arrays, no bare array."""
    if hasattr(data, "__array__") or not isinstance(data, Iterable):
        raise error(TypeError, where, "`batches` must be an iterable of arrays", f"a bare {type(data).__name__}",
                    "pass a list, [x], for one batch")


def room_for_an_axis(where: str, a: NDArray[Any]) -> None:
    """NumPy's arrays have at most 64 axes."""
    if a.ndim == 64:
        raise error(ValueError, where, "one more axis is needed, and NumPy has at most 64", f"shape {a.shape}",
                    "drop axes of length 1: np.squeeze")


def joint(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape to which both broadcast, if there is one; np.broadcast_shapes ends at 32 axes, NumPy's arrays at 64."""
    pairs = list(zip_longest(a[::-1], b[::-1], fillvalue=1))[::-1]
    if any(i != j and i != 1 and j != 1 for i, j in pairs):
        return None
    return tuple(i if j == 1 else j for i, j in pairs)


def broadcast(where: str, a: NDArray[Any], b: NDArray[Any], names: str, hint: str) -> list[NDArray[Any]]:
    """a and b in one shape (R12)."""
    shape = joint(a.shape, b.shape)
    if shape is None:
        raise error(ValueError, where, f"{names} must broadcast together (R12)", f"shapes {a.shape} and {b.shape}",
                    hint)
    return [v if v.shape == shape else np.broadcast_to(v, shape) for v in (a, b)]


def broadcastable(where: str, shape: tuple[int, ...], to: tuple[int, ...]) -> None:
    """Parameters broadcast TO x's shape (R12)."""
    if shape and joint(shape, to) != to:  # () always does
        raise error(ValueError, where, "parameters must broadcast to the shape of the data (R12)",
                    f"parameters of shape {shape} for data of shape {to}",
                    "take ranges with axis= of this very array; they keep their axes, so they fit")
