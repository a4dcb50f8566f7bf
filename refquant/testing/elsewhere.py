"""What becomes of slices that are rare: very small or large ones, all of one value, in arrays of other lengths."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..arguments import first
from ..engines.exact import coarse, hexadecimal
from .calls import Call, Seen
from .fits import Rule
from .forms import plain
from .judged import OF_LENGTHS, Way, codes_of, deviation, flattened, range_reciprocal

#: An odd last axis, a short one, one number, more than a vector holds.
SHAPES = ((7, 63), (3, 5), (1, 1), (2, 257))
LARGEST = np.finfo(np.float32).max


class Found(NamedTuple):
    """What ordinary slices follow: rules of scales and zero points, scales before they were rounded, ways to codes.

    named: of each name in fits the rule that the name is of. ratio: the least and the largest max|x| / scale, which
    counts where no rule of scales is known.
    """

    fits: list[Rule]
    named: list[Rule]
    zero_points: list[Rule]
    unrounded: list[Rule]
    ratio: tuple[float, float]
    ways: tuple[Way, ...] = ()

    def scales(self, seen: Seen) -> list[Any]:
        """Those that came back, then those before they were rounded: what a Way's place means."""
        return [seen.scale, *(np.copysign(rule.given(seen.lo, seen.hi), seen.scale) for rule in self.unrounded)]


def elsewhere(call: Call, found: Found, seen: Seen, other_shapes: bool) -> tuple[str, ...]:
    """In a line each, where scales, zero points or codes are not what was found.

    Raises:
        Deviation: codes that follow another convention in arrays of other lengths.
    """
    shape = call.places(call.shape).shape
    return (*(f"from {ends}, {words}" for ends, words in _differing(found, seen).values()), *_of_sizes(call, found),
            *(f"all {v}, {words}" for v in (3, -3) for words in _asked(call, found, np.full(shape, v, "f")).values()),
            *(_of_lengths(call, found) if other_shapes else ()))


def _of_sizes(call: Call, found: Found) -> Iterator[str]:
    """Slices whose largest value is each power of two, where the dtype has it."""
    rows, told, sizes = np.random.default_rng(1).uniform(-1, 1, call.places(call.shape).shape), dict[str, Any](), []
    rows[:, 0] = 1
    for exponent in range(-149, 129):
        x = coarse(np.clip(np.ldexp(rows, exponent), -LARGEST, LARGEST).astype(np.float32), call.precision)
        if 0 < x.max() < np.inf and (plain(call.arrays(x.copy())) == x).all():
            sizes.append(x.max())
            for kind, words in _asked(call, found, x).items():
                told.setdefault(kind, {})[x.max()] = words
    for given in told.values():
        yield from _spans([size for size in given if size < 1], sizes, given, ("largest", "smallest"))
        yield from _spans([size for size in given if size >= 1][::-1], sizes, given, ("smallest", "largest"))


def _spans(side: list[Any], sizes: list[Any], given: dict[Any, str], ends: tuple[str, str]) -> Iterator[str]:
    """What is told of very small slices, or of very large ones; their sizes begin with the most extreme."""
    if side:
        words, most = given[side[-1]], given[side[0]]
        if words != most and "other codes" not in words:
            words += f", at the {ends[0]}" + f"; {most}, at the {ends[1]}" * ("max|x| / scale" in words)
        some = "some " * (len([size for size in sizes if min(side) <= size <= max(side)]) > len(side))
        span = (f"<= {side[-1]:g}" if side[0] == sizes[0] else f">= {side[-1]:g}" if side[0] == sizes[-1] else
                f"from {min(side):g} to {max(side):g}")
        yield f"{some}slices asked with max|x| {span}, {words}"


def _asked(call: Call, found: Found, x: Any) -> dict[str, str]:
    try:
        return {kind: words for kind, (_, words) in _differing(found, call.taken(x)).items()}
    except Exception as failure:
        return {"raises": f"raises {type(failure).__name__}: {failure}"}


def _of_lengths(call: Call, found: Found) -> Iterator[str]:
    """Arrays of other shapes, with ties; codes that are wrong there are no matter of the numbers."""
    for shape in SHAPES if call.block is None else ((3, call.block), (1, 5 * call.block)):
        there, rng = call._replace(shape=shape), np.random.default_rng(2)
        try:
            calls = [there.seen(rng) for _ in range(max(8, 128 // int(np.prod(shape))))]
        except Exception as failure:
            yield f"shape {shape}, raises {type(failure).__name__}: {failure}"
            continue
        for wrong, x in ((_wrong(found, seen, seen.asked), seen.x) for seen in calls):
            if wrong:
                raise deviation(there, x, *wrong, OF_LENGTHS)
        yield from [f"shape {shape}, from {ends}, {words}" for seen in calls
                    for ends, words in _differing(found, seen).values()][:1]


def _differing(found: Found, seen: Seen) -> dict[str, tuple[str, str]]:
    """Kind -> ends and words, of the first slice whose scale, zero point or codes are not what was found."""
    said, size, largest = {}, np.abs(seen.scale), np.maximum(np.abs(seen.lo), np.abs(seen.hi))
    lost = ((seen.lo != 0) | (seen.hi != 0)) & ~seen.asked
    every, scales = ([rule.stored(rule.given(seen.lo, seen.hi)) for rule in rules] for rules in found[:2])
    zeros = [rule.given(seen.lo, seen.scale) for rule in found.zero_points]
    other = seen.asked & (_unlike(scales, size) if scales else (
        largest < found.ratio[0] * (1 - 1e-3) * size) | (largest > found.ratio[1] * (1 + 1e-3) * size))
    of_zero = (seen.asked & _unlike(zeros, seen.zero_point)) | (lost & ~np.isfinite(seen.zero_point))
    for kind, off, came, given in (
            ("scale 0", lost & (size == 0), size, scales), ("scale", other | (lost & (size != 0)), size, scales),
            ("zero point", of_zero, seen.zero_point, zeros)):
        if off.any():
            at = first(off)
            right = given[0][at] if given else came[at]
            digits = ".9g" if right != came[at] and f"{right:g}" == f"{came[at]:g}" else "g"  # 9 tell all float32 apart
            should = f", not {right:{digits}}" if right != came[at] else ""
            nothing = ", so that all codes mean 0" if size[at] == 0 else ""
            ratio = f", max|x| / scale {largest[at] / size[at]:g}" if kind == "scale" and not given else ""
            said[kind] = (f"{seen.lo[at]:g} to {seen.hi[at]:g}",
                          f"{kind.split(' 0')[0]} {came[at]:{digits}}{should}{nothing}{ratio}")
    by_fit = found.ways[0].place or found.ways[0].convention.division is range_reciprocal
    wrong = _wrong(found, seen, seen.asked & ~_unlike(every, size) if by_fit else seen.asked)
    if wrong:
        flat, way = wrong
        expected = codes_of(way, flat)
        i = int(np.flatnonzero((expected != flat.codes) & ~np.isnan(expected))[0])
        said["code"] = f"{flat.lo[i]:g} to {flat.hi[i]:g}", (
            f"other codes, as {flat.codes[i]:g} of float.fromhex('{hexadecimal(flat.x[i])}') at scale "
            f"{flat.scale[i, 0]:g}, which is {expected[i]:g} with {way.convention}")
    return said


def _unlike(given: list[Any], came: Any) -> Any:
    """Where no rule gives what came; nowhere without rules."""
    return np.logical_and.reduce([v != came for v in given] or [came != came])


def _wrong(found: Found, seen: Seen, where: Any) -> tuple[Seen, Way] | None:
    """The numbers and the first way, if no way gives the codes that came."""
    flat = flattened(seen, found.scales(seen), where)
    given = (codes_of(way, flat) for way in found.ways)
    return None if any(((q == flat.codes) | np.isnan(q)).all() for q in given) else (flat, found.ways[0])
