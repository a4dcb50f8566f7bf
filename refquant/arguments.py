"""Arguments are parsed, and every message is worded, here.

A message reads `{function}: {rule}; got {what came}. Hint: {what to do}.`; TypeError is for types, ValueError for
values and shapes.
"""
from __future__ import annotations

import operator
from collections.abc import Iterable
from functools import partial
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Reals: TypeAlias = NDArray[np.floating[Any]]
Codes: TypeAlias = NDArray[np.integer[Any]]
T = TypeVar("T")

quiet = np.errstate(all="ignore")  # saturation is the rule (R6), not an accident; and no global switch changes a result


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


def first(where_true: NDArray[np.bool_]) -> tuple[int, ...]:
    """The index of the first True."""
    return tuple(int(i) for i in np.unravel_index(np.argmax(where_true), where_true.shape))


def array(where: str, x: ArrayLike, name: str) -> NDArray[Any]:
    """`x` as an array in the machine's byte order; nothing is copied that need not be."""
    if hasattr(x, "filled"):
        raise error(TypeError, where, f"`{name}` must not be masked", f"a {type(x).__name__}",
                    "fill it, x.filled(0), or drop what is masked, x.compressed()")
    try:
        a = np.asarray(x)
    except ValueError as cause:
        raise error(ValueError, where, f"`{name}` must be an array", f"a {type(x).__name__} of uneven rows",
                    "give every row the same length") from cause
    return a.astype(a.dtype.newbyteorder("="), copy=False)


def reals(where: str, x: ArrayLike, name: str = "x") -> Reals:
    """`x` as float16, float32 or float64 without NaN (R7)."""
    a = array(where, x, name)
    if a.dtype not in (np.float16, np.float32, np.float64):
        raise error(TypeError, where, f"`{name}` must be float16, float32 or float64 (R7)", f"dtype {a.dtype}",
                    f"convert it first, for example np.asarray({name}, np.float32); codes belong in dequantize")
    with np.errstate(all="ignore"):
        if a.size and np.isnan(a.min()):
            raise error(ValueError, where, f"`{name}` must not hold NaN (R7)",
                        f"NaN at index {first(np.isnan(a))} of shape {a.shape}", "drop or replace NaN first")
    return a


def none(where: str, bad: NDArray[np.bool_], values: NDArray[Any], rule: str, hint: str) -> None:
    """No value is bad; the first that is, is named with its place."""
    if bad.any():
        raise error(ValueError, where, rule, f"{values[bad][0]} at index {first(bad)} of shape {values.shape}", hint)


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
        return np.broadcast_to(values.dtype.type(0), values.shape)
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
    return a if a.dtype.kind in "iu" else a.astype(np.int64)


def whole(where: str, value: Any, name: str, least: int, most: int | None = None) -> int:
    """`value` as an int from `least` to `most`."""
    span = f"at least {least}" if most is None else f"from {least} to {most}"
    example = max(least, 8) if most is None else min(max(least, 8), max(least, most))
    try:
        n = operator.index(value)
    except TypeError as cause:
        raise error(TypeError, where, f"`{name}` must be an integer {span}", f"{value!r} of type "
                    f"{type(value).__name__}", f"pass {example}, say") from cause
    if isinstance(value, (bool, np.bool_)) or n < least or (most is not None and n > most):
        raise error(ValueError, where, f"`{name}` must be an integer {span}", repr(value), f"pass {example}, say")
    return n


def one_axis(where: str, shape: tuple[int, ...], axis: Any) -> int:
    """The axis, counted from the front."""
    return axes(where, shape, (axis,))[0]


def axes(where: str, shape: tuple[int, ...], axis: Any) -> tuple[int, ...]:
    """The axes, counted from the front; None is all."""
    try:
        if isinstance(axis, bool | list | np.ndarray) or (type(axis) is tuple and bool in map(type, axis)):
            raise TypeError
        return np.lib.array_utils.normalize_axis_tuple(range(len(shape)) if axis is None else axis, len(shape))
    except (ValueError, TypeError) as cause:
        raise error(ValueError, where, f"`axis` must name one of {len(shape)} axes, several each once",
                    f"{axis!r} for shape {shape}", "0 is the first axis, -1 the last") from cause


def within(where: str, q: ArrayLike, qmin: int, qmax: int, name: str, rule: str, hint: str) -> Codes:
    """`q` as an array of integers, every one of them from qmin to qmax."""
    q = integers(where, q, name)
    if q.size and (int(q.min()) < qmin or int(q.max()) > qmax):
        none(where, (q < qmin) | (q > qmax), q, f"`{name}` must lie from {qmin} to {qmax} ({rule})", hint)
    return q


def instance(where: str, value: object, kind: type[T] | tuple[type[T], ...], rule: str, hint: str) -> T:
    """`value`, which must be a `kind`."""
    if not isinstance(value, kind):
        raise error(TypeError, where, rule, f"{value!r:.40} of type {type(value).__name__}", hint)
    return value


def generator(where: str, rng: object) -> None:
    """A NumPy generator: randomness is an argument."""
    instance(where, rng, np.random.Generator, "`rng` must be a numpy.random.Generator",
             f"pass np.random.default_rng({rng if isinstance(rng, int) else 0})")


def batches(where: str, data: object) -> None:
    """An iterable of arrays, no bare array."""
    if hasattr(data, "__array__") or not isinstance(data, Iterable):
        raise error(TypeError, where, "`batches` must be an iterable of arrays", f"a bare {type(data).__name__}",
                    "pass a list, [x], for one batch")


def compatible(*shapes: tuple[int, ...]) -> bool:
    """Whether the shapes broadcast together."""
    try:
        return bool(np.broadcast_shapes(*shapes) or True)
    except ValueError:
        return False


def broadcastable(where: str, shape: tuple[int, ...], to: tuple[int, ...]) -> None:
    """Parameters broadcast TO x's shape (R12)."""
    if shape and (not compatible(shape, to) or np.broadcast_shapes(shape, to) != to):  # () always does
        raise error(ValueError, where, "parameters must broadcast to the shape of the data (R12)",
                    f"parameters of shape {shape} for data of shape {to}",
                    "take ranges with axis= of this very array; they keep their axes, so they fit")
