"""People's own tensors: every way to quantize them, measured, and one recommended."""

from __future__ import annotations

import math
from typing import NamedTuple, TypedDict

import numpy as np
from numpy.typing import ArrayLike

from ... import arguments
from ...arguments import Reals
from ...blocks import scale_bits
from ...clipping import Clip, minmax
from ...clipping.statistics import unit_of
from ...grids import Grid
from ...ranges import Fit
from ..formats import Format
from .curves import ClipError, ClipPoint, Histogram, clip_error, distinct, histogram, least
from .measure import Measure, Sums, stride
from .passes import Scan, scan
from .recommend import DB_PER_BIT, Scheme, recommend
from .schemes import Key, clips, fits, formats
from .settings import Options, checked, fitted, option
from .slices import Slices, slices

BINS = 2048  # of entropy's histogram


class Record(TypedDict):
    """All that is known of one array."""

    array: str
    shape: list[int]
    dtype: str
    values: int
    bytes: int
    minimum: float
    maximum: float
    nan: int
    inf: int
    minus_inf: int
    first_nonfinite: list[int] | None
    bits: int
    channel_axis: int | None
    block: int | None
    percent: float
    one_sided: bool
    schemes: list[Scheme]
    recommended: Scheme
    reason: str
    best_clip: ClipPoint | None
    notes: list[str]


class Report(NamedTuple):
    """What is known of one array, and what is drawn of it."""

    record: Record
    histogram: Histogram
    clip_error: ClipError | None


def inspect_array(x: ArrayLike, *, name: str = "x", bits: int = 8, channel_axis: int | None = None,
                  block: int | None = None, percent: float = 99.9, skip_nonfinite: bool = False) -> Report:
    """Every scheme (symmetric or affine; per tensor, channel or block; each rule) tried on x, and one recommended; with
    4, 6 and 8 bits every other format of that width beside them.

    Args:
        x: (*S) float16, float32 or float64; a memory-mapped array is read piece by piece.
        bits: 2 to 16.
        channel_axis: the axis that is KEPT: each of its indices has a scale. None is the first of two axes or more.
        block: values along the last axis that share a scale; None is 32 where the axis is longer.
        percent: percentile's.
        skip_nonfinite: leave NaN and infinities out, instead of refusing them.

    Recommended is the simplest scheme of integers within 1 dB of their best, after each has paid 6.02 dB, what one more
    bit buys, for every bit per value that its scales take. Weights whose channels differ want a scale for each:

    >>> x = np.sin(np.arange(256)) * 2.0 ** np.arange(16)[:, None]
    >>> best = inspect_array(x).record["recommended"]
    >>> best["fit"], best["granularity"], best["rule"]
    ('symmetric', 'channel', 'minmax')

    Raises:
        ValueError: NaN or infinities, no data, options out of range, an axis or a block that x does not have.
        TypeError: integers, complex or other dtypes.
    """
    where = "inspect_array"
    a = x if type(x) is np.ndarray else arguments.array(where, x, "x")
    if a.dtype.newbyteorder("=") not in (np.float16, np.float32, np.float64):
        raise arguments.error(TypeError, where, "`x` must be float16, float32 or float64", f"dtype {a.dtype}",
                              "convert it first, for example np.asarray(x, np.float32)")
    if not a.size:
        raise arguments.error(ValueError, where, "`x` must hold data", f"shape {a.shape}", "leave empty arrays out")
    if a.ndim > 63:
        raise arguments.error(ValueError, where, "`x` must have at most 63 axes", str(a.ndim), "reshape it")
    options = checked(where, Options(bits, channel_axis, block, percent, skip_nonfinite))
    return inspected(where, a, name, fitted(where, options, a.shape))


def inspected(where: str, x: Reals, name: str, options: Options) -> Report:
    """The report of an array whose options are fitted."""
    seen = scan(x, f"inspect {name}: first look")
    _refuse_nonfinite(where, name, x, seen, options)
    lo, hi = (float(end) for end in seen.state[:2])
    unit = unit_of(*np.array([lo, hi]))
    others = formats(options.bits, *seen.state[:2])
    measure = Measure(clips(options.bits, options.percent, lo >= 0), fits(options.bits) | {
        name: (f.fit, f.grid) for name, f in others.items()}, unit)
    schemes, notes = _measured(measure, x, name, seen, options, others)
    best, reason = recommend(schemes)
    notes += [text for text, there in (
        ("not per channel: too few axes", options.channel_axis is None),
        ("not per block: the last axis is too short", options.block is None),
        ("data from 0 up: affine percentile, aciq and octav in their one-sided form", lo >= 0),
        ("floats, NF4: min-max ranges, scales as `refquant compare --formats` has them; integers: scales in float32",
         bool(others))) if there]
    values, counts = distinct(x, seen)
    errors = clip_error(values, counts, options.bits)
    record = Record(
        array=name, shape=list(x.shape), dtype=x.dtype.name, values=x.size, bytes=x.nbytes, minimum=lo, maximum=hi,
        nan=seen.nan, inf=seen.inf, minus_inf=seen.minus_inf,
        first_nonfinite=None if seen.first is None else list(seen.first), bits=options.bits,
        channel_axis=options.channel_axis, block=options.block, percent=options.percent, one_sided=lo >= 0,
        schemes=schemes, recommended=best, reason=reason, best_clip=least(errors), notes=notes)
    return Report(record, histogram(values / np.float64(unit), counts, float(unit)), errors)


def _measured(measure: Measure, x: Reals, name: str, seen: Scan, options: Options,
              others: dict[str, Format]) -> tuple[list[Scheme], list[str]]:
    """Every scheme, the simpler first: by fit, then granularity, then rule; and notes on them."""
    found: list[Scheme] = []
    notes: list[str] = []
    for granularity, (cut, tried) in _asked(measure, x, options, others).items():
        if granularity in ("channel", "block") and cut.size < BINS:
            tried = {key: clip for key, clip in tried.items() if key[1] != "entropy"}
            notes.append(f"per {granularity} without entropy: {cut.size:,} values fill no histogram of {BINS:,} bins")
        if stride(cut) > 1 and len({rule for _, rule in tried}) > 1:
            notes.append(f"per {granularity}, rules other than minmax: chosen and measured on one {granularity} in "
                         f"{stride(cut):,}")
        sums = measure._replace(clips=tried).of(cut, seen.state, f"inspect {name}: per {granularity}")
        found += [_scheme(fit, granularity, rule, s, x, measure.fits[fit], cut.scales)
                  for (fit, rule), s in sums.items()]
    return sorted(found, key=lambda s: list(measure.fits).index(s["fit"])), notes


def _asked(measure: Measure, x: Reals, options: Options,
           others: dict[str, Format]) -> dict[str, tuple[Slices, dict[Key, Clip]]]:
    """Granularity -> its slices and what is tried on them; formats with blocks have their own."""
    def of(size: int | None) -> dict[Key, Clip]:
        return {(name, "minmax"): minmax for name, f in others.items() if f.block == size}

    asked = {name: (cut, measure.clips if name == "block" else measure.clips | of(None))
             for name, cut in slices(x, options.channel_axis, options.block).items()}
    sizes = sorted({f.block for f in others.values() if f.block is not None}) if x.ndim else []
    return asked | {f"block of {size}": (Slices(x, min(size, x.shape[-1])), of(size)) for size in sizes}


def _refuse_nonfinite(where: str, name: str, x: Reals, seen: Scan, options: Options) -> None:
    bad = seen.nan + seen.inf + seen.minus_inf
    if bad and not options.skip_nonfinite:
        hint = f"{option(where, 'skip_nonfinite')}{'' if where.startswith('refquant') else '=True'} leaves"
        raise arguments.error(ValueError, where, f"the values of {name!r} must be finite", f"{seen.nan:,} NaN, "
                              f"{seen.inf:,} inf and {seen.minus_inf:,} -inf among {x.size:,}, the first at index "
                              f"{seen.first}", f"{hint} them out")
    if bad == x.size:
        raise arguments.error(ValueError, where, f"{name!r} must hold a finite value", f"none among {x.size:,}",
                              "check what wrote it")


def _scheme(fit: str, granularity: str, rule: str, sums: Sums, x: Reals, by: tuple[Fit, Grid], scales: int) -> Scheme:
    """The sums as what people ask for; scales are stored in their format, float32 if it has none, zero points in as
    many bits as codes."""
    (of_range, grid), one = by, np.ones((), np.float32)
    bits, each = grid.bits, scale_bits(of_range(-one, one, grid))
    size = -(-x.size * bits // 8) + -(-scales * each // 8) + (-(-scales * bits // 8) if fit == "affine" else 0)
    if sums.noise == 0 or sums.signal == 0:
        sqnr = math.inf if sums.noise == 0 else -math.inf
    else:
        sqnr = 10 * (math.log10(sums.signal) - math.log10(sums.noise)) if sums.noise < math.inf else -math.inf
    net = min(sqnr, DB_PER_BIT * np.finfo(x.dtype).nmant) - DB_PER_BIT * (8 * size / x.size - bits)
    return Scheme(fit=fit, granularity=granularity, rule=rule, range=(sums.lo, sums.hi), sqnr_db=_finite(sqnr),
                  net_db=_finite(net), largest_error=_finite(sums.largest), clipped=sums.clipped / sums.values,
                  overflowed=sums.overflowed, values=sums.values, scales=scales, bytes=size,
                  compression=x.nbytes / size)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
