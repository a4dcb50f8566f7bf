"""Checks for lesson 04, who shares a scale. Each returns "Right: ...", "Not yet: ..." or "Not answered yet: ..."."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from types import EllipsisType
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...affine import AffineParams, fake_quantize
from ...blocks import bits_per_value, join_blocks, split_blocks
from ...calibration import dynamic_params
from ...clipping import Axis
from ...grids import IntGrid
from ...metrics import sqnr_db
from ...ranges import symmetric_params
from ..answers import ask, mistake

Array: TypeAlias = NDArray[Any]


class Situation(NamedTuple):
    """An array, the axes to reduce over, and the scales that this gives."""

    shape: tuple[int, ...]
    reduced: frozenset[int]
    wanted: str


SITUATIONS: dict[str, Situation] = {
    "a": Situation((64, 32), frozenset({0}), "one for each of the 32 outputs"),
    "b": Situation((16, 64), frozenset({1}), "one for each of the 16 tokens"),
    "c": Situation((8, 3, 5, 5), frozenset({0, 2, 3}), "one for each of the 3 channels"),
    "d": Situation((4, 16, 32), frozenset({1}), "one for each of the 4 blocks of each of the 32 outputs"),
}


def axis(situation: str, answer: Axis | EllipsisType) -> str:
    """Exercise 1: whether reducing over the axes of the answer gives the situation's scales.

    >>> axis("a", 1)
    'Not yet: a: axis 1 is the one that is kept, as ONNX names it. Name the axes reduced over.'
    """
    if situation not in SITUATIONS:
        return f"Not yet: the situations are a, b, c and d; {situation!r} is none of them."
    shape, right, wanted = SITUATIONS[situation]
    if answer is ...:
        return f"Not answered yet: {situation}: set the axis."
    axes: tuple[Any, ...] = answer if isinstance(answer, tuple) else (answer,)
    if answer is None:
        axes = tuple(range(len(shape)))
    if any(isinstance(k, bool) or not isinstance(k, int | np.integer) for k in axes):
        return f"Not yet: {situation}: an axis is an int, a tuple of ints, or None."
    if any(not -len(shape) <= k < len(shape) for k in axes):
        return f"Not yet: {situation}: the array has the axes 0 to {len(shape) - 1}, but not {answer}."
    reduced = {int(k) % len(shape) for k in axes}
    if len(reduced) < len(axes):
        return f"Not yet: {situation}: you name an axis twice."
    scales = tuple(1 if k in reduced else n for k, n in enumerate(shape))
    if reduced == right:
        return f"Right: {situation}: {wanted}, scale of shape {scales}."
    return f"Not yet: {situation}: {_wrong_axes(SITUATIONS[situation], reduced, scales)}"


def _wrong_axes(situation: Situation, reduced: set[int], scales: tuple[int, ...]) -> str:
    """What is wrong with reducing over these axes, which leaves scales of that shape."""
    shape, right, wanted = situation
    if not reduced:
        return "nothing is reduced, so each value gets a scale of its own."
    if len(reduced) == len(shape):
        return f"everything is reduced, so there is a single scale. Wanted: {wanted}."
    if reduced == set(range(len(shape))) - right:
        names = ", ".join(map(str, sorted(reduced)))
        kept = f"axis {names} is the one that is" if len(reduced) == 1 else f"the axes {names} are those that are"
        return f"{kept} kept, as ONNX names it. Name the axes reduced over."
    if reduced < right:
        return f"a scale of shape {scales} is too fine, {int(np.prod(scales))} scales. Wanted: {wanted}."
    if reduced > right:
        return f"a scale of shape {scales} is too coarse, {int(np.prod(scales))} scales. Wanted: {wanted}."
    return f"a scale of shape {scales} is cut the wrong way. Wanted: {wanted}."


PROBES: tuple[tuple[int, int, int, int], ...] = ((100, 50, 4, 16), (7, 64, 3, 32), (3, 33, 5, 8), (2, 40, 8, 64))


def payload(yours: Callable[..., Any]) -> str:
    """Exercise 2: whether yours(rows, columns, bits, block_size) counts the bytes of a matrix in blocks.

    >>> payload(lambda rows, columns, bits, block_size: rows * columns * bits // 8)
    'Not yet: you count the codes alone; add the scales. For (100, 50, 4, 16) you give 2500, not 4000.'
    """
    for probe in PROBES:
        answer, message = ask(yours, *probe)
        if message:
            return message
        if not isinstance(answer, int | float | np.number):
            return f"Not yet: return one number of bytes, not {answer!r}."
        right = stored(*probe)
        if answer != right:
            why = mistake(mistakes(*probe), partial(np.isclose, answer, rtol=0, atol=1e-9),
                          "count the blocks of one row, then the bytes of one block")
            return f"Not yet: {why}. For {probe} you give {answer:.10g}, not {right}."
    rows, columns, bits, size = PROBES[0]
    return (f"Right: {rows} x {columns} at {bits} bits in blocks of {size} takes {stored(*PROBES[0])} bytes, "
            f"{8 * stored(*PROBES[0]) / (rows * columns):.2f} bits per value; without padding it would be "
            f"{bits + 16 / size:.2f}.")


def stored(rows: int, columns: int, bits: int, block_size: int) -> int:
    """Bytes of a matrix whose rows are cut into blocks: the padded codes, and a float16 scale each.

    >>> stored(1, 32, 4, 32)
    18
    """
    count, per_row, _ = split_blocks(np.zeros((rows, columns)), min(block_size, columns)).shape
    return int(count * per_row) * (block_size * bits // 8 + 2)


def mistakes(rows: int, columns: int, bits: int, block_size: int) -> dict[str, float]:
    """The bytes of each known wrong count, by what is wrong with it.

    >>> mistakes(1, 40, 4, 32)["you leave the last block out; it is padded, not dropped"]
    18
    """
    values, each = rows * columns, block_size * bits // 8
    blocks = -(-columns // block_size)
    return {
        "you count the codes alone; add the scales": values * bits / 8,
        "you count the padded codes alone; add the scales": rows * blocks * each,
        "you count the scales alone": rows * blocks * 2,
        "you count parts of a block; the last one of a row is padded to a whole one":
            values * bits / 8 + values / block_size * 2,
        "you cut the columns; each row is cut": columns * -(-rows // block_size) * (each + 2),
        "these are bits; 8 make a byte": rows * blocks * 8 * (each + 2),
        "you leave the last block out; it is padded, not dropped": rows * (columns // block_size) * (each + 2),
        "the padding of the last block is stored too": values * bits / 8 + rows * blocks * 2,
        "each row has blocks of its own; you let them run on over the ends of the rows":
            -(-values // block_size) * (each + 2),
        "you count one scale per row; each block has one": rows * (blocks * each + 2),
        "you count one scale in all; each block has one": rows * blocks * each + 2,
        "a float16 scale takes 2 bytes, not 4": rows * blocks * (each + 4),
        "a float16 scale takes 2 bytes, not 1": rows * blocks * (each + 1),
        "a float16 scale takes 2 bytes, not 16": rows * blocks * (each + 16),
        "symmetric blocks store no zero point": rows * blocks * (each + 2 + bits / 8),
        "each code is packed at its bits; you give it a byte": rows * blocks * (block_size + 2),
        "a row is not a block; the blocks of one row add up": rows * (each + 2),
    }


class Scheme(NamedTuple):
    """Symmetric min-max codes, whose scales are shared by blocks of a column (along=0), of a row (1), or by all."""

    bits: int
    along: int | None
    block_size: int | None


def measured(x: Array, scheme: Scheme) -> tuple[float, float, float]:
    """Bits per value with float16 scales, SQNR of the whole matrix, SQNR of its worst column, in dB.

    >>> x = np.random.default_rng(0).normal(size=(64, 2)) * [1, 100]
    >>> [round(v, 2) for v in measured(x, Scheme(4, None, None))], [round(v, 2) for v in measured(x, Scheme(4, 0, 64))]
    ([4.12, 21.18, 0.0], [4.25, 21.24, 20.03])
    """
    bits, along, block_size = scheme
    whole = along is None or block_size is None
    cut = x[None] if whole else split_blocks(x, block_size or 1, axis=along or 0)
    over: Axis = None if along is None else along + 1
    params = dynamic_params(cut, IntGrid(bits, narrow=True), axis=over, fit=symmetric_params)
    params = AffineParams(scale=params.scale.astype(np.float16), zero_point=0, grid=params.grid)
    x_hat = fake_quantize(cut, params)
    x_hat = x_hat[0] if whole else join_blocks(x_hat, axis=along or 0)
    worst = int(np.argmax(np.sum((x - x_hat) ** 2, axis=0) / np.sum(x**2, axis=0)))
    return bits_per_value(params, x.size), sqnr_db(x, x_hat), sqnr_db(x[:, worst], x_hat[:, worst])


def schemes(x: Array) -> Iterator[Scheme]:
    """Every scheme of 2 to 8 bits: per tensor, and in blocks of 8, 16, 32, ... values along either axis.

    >>> len(list(schemes(np.ones((16, 8)))))
    28
    """
    for bits in range(2, 9):
        yield Scheme(bits, None, None)
        yield from (Scheme(bits, along, 2**k) for along in (0, 1) for k in range(3, x.shape[along].bit_length()))


def cheapest(x: ArrayLike, target: float, bits: int | None, along: int | None, block_size: int | None) -> str:
    """Exercise 3: whether the scheme reaches the target in every column of x, at the fewest bits per value.

    >>> x = np.random.default_rng(0).normal(size=(64, 4)) * [1, 1, 1, 100]
    >>> cheapest(x, 15, bits=4, along=None, block_size=None)
    'Not yet: 4.06 bits per value. On the whole 18.4 dB, but the worst column has 0.0 dB: look at the inliers, too.'
    """
    if bits is None:
        return "Not answered yet: set bits, along and block_size."
    values, scheme = np.asarray(x, np.float64), Scheme(bits, along, block_size)
    wrong = _no_scheme(values, scheme)
    if wrong:
        return f"Not yet: {wrong}"
    cost, whole, worst = measured(values, scheme)
    paid = f"Not yet: {cost:.2f} bits per value."
    if worst < target:
        if whole >= target and along != 0:
            return (f"{paid} On the whole {whole:.1f} dB, but the worst column has {worst:.1f} dB: look at the "
                    "inliers, too.")
        remedy = ("Small columns share a scale with large ones." if along != 0 else
                  "The columns are kept apart; now take smaller blocks or more bits.")
        return f"{paid} The worst column has {worst:.1f} dB, not {target:g}. {remedy}"
    tried = ((measured(values, s), s) for s in schemes(values))
    least, best = min(((costs, s) for (costs, _, db), s in tried if db >= target), key=lambda pair: pair[0])
    if cost == least:
        return f"Right: {cost:.2f} bits per value, and no column below {worst:.1f} dB."
    return f"{paid} The target is reached, but a cheaper scheme reaches it, too. {_towards(best, scheme)}"


def _no_scheme(x: Array, scheme: Scheme) -> str:
    """What is wrong with a scheme that is not among those to choose from; nothing if it is."""
    bits, along, block_size = scheme
    if not isinstance(bits, int | np.integer) or bits not in range(2, 9):
        return f"bits is a whole number from 2 to 8, not {bits!r}."
    if along is not None and (type(along) is bool or not isinstance(along, int | np.integer) or along not in (0, 1)):
        return f"along is 0 (blocks down the columns), 1 (along the rows) or None (per tensor), not {along}."
    if (along is None) != (block_size is None):
        return "along and block_size go together; both are None per tensor."
    if not isinstance(block_size, int | np.integer | None) or scheme not in list(schemes(x)):
        longest = 2 ** (x.shape[along or 0].bit_length() - 1)
        return f"a block has 8, 16, 32, ... up to {longest} values along axis {along}, not {block_size}."
    return ""


def _towards(best: Scheme, scheme: Scheme) -> str:
    """A hint from a scheme that is too dear to the cheapest one."""
    if scheme.along != best.along:
        return "Can the blocks run the other way, or do you need blocks at all?"
    if scheme.bits < best.bits:
        return "Another bit costs less than blocks this small."
    if scheme.bits == best.bits:
        return "Larger blocks are enough."
    larger = (scheme.block_size or 0) > (best.block_size or 0)
    return "Smaller blocks cost less than the last bit." if larger else "Fewer bits are enough."
