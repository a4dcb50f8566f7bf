"""Data seen in pieces -> [lo, hi]. An observer is a monoid: summaries that merge, and the summary of nothing.

                       associative       commutative    range of the pieces merged = range of the whole
    min-max            bit for bit       bit for bit    bit for bit
    histogram          bit for bit       bit for bit    bit for bit (against its rule: see histogram_observer)
    moments            up to rounding    bit for bit    up to rounding
    moving average     up to rounding    no             no: it weighs batches, so it depends on how they are cut
"""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from . import _check
from ._check import Reals
from .clipping import Axis, Clip, minmax, ranged
from .histogram import centres, coarser, exponents, tally

State: TypeAlias = tuple[Any, ...]
EMPTY: State = ()


class Observer(NamedTuple):
    """observe(x, axis) summarises a batch, merge(a, b) two summaries, range(s) gives (lo, hi); empty is the identity.

    One stream, shards or any map-reduce engine calibrate alike, because updating is derived from merging: the state
    after a further batch x is merge(state, observe(x)). `axis` holds the axes reduced over, as in minmax. States and
    functions can be pickled, so they travel between processes.

    >>> seen = minmax_observer.merge(minmax_observer.observe([0.5, 2.0]), minmax_observer.observe([-1.0]))
    >>> minmax_observer.range(seen)
    (np.float64(-1.0), np.float64(2.0))
    """

    empty: State
    observe: Callable[..., State]
    merge: Callable[[State, State], State]
    range: Callable[[State], tuple[Reals, Reals]]


def observer(summarise: Callable[[Reals, Axis], State], join: Callable[[State, State], State],
             spread: Callable[[State], tuple[Reals, Reals]]) -> Observer:
    """An observer from three functions that never see nothing: empty batches and empty states are dealt with here.

    Args:
        summarise: (x, axis) -> state, x reals with data; the state's first array has the shape of the range.
        join: two states of one shape -> their state.
        spread: state -> (lo, hi).

    >>> largest = observer(lambda x, axis: minmax(x, axis)[1:], lambda a, b: (np.maximum(a[0], b[0]),),
    ...                    lambda s: (0 * s[0], s[0]))
    >>> largest.range(largest.merge(largest.observe([3.0]), largest.empty))
    (np.float64(0.0), np.float64(3.0))
    """
    return Observer(EMPTY, partial(_observe, summarise), partial(_merge, join), partial(_range, spread))


def _observe(summarise: Callable[[Reals, Axis], State], x: ArrayLike, axis: Axis = None) -> State:
    x = _check.reals("observe", x)
    return summarise(x, axis) if x.size else EMPTY


def _merge(join: Callable[[State, State], State], a: State, b: State) -> State:
    if not a or not b:
        return a or b
    if [np.shape(v) for v in a] != [np.shape(v) for v in b]:
        raise _check.error(ValueError, "merge", "summaries must have one shape", f"shapes {np.shape(a[0])} and "
                           f"{np.shape(b[0])}", "observe every batch with the same observer and axis, over the same "
                           "channels")
    return join(a, b)


def _range(spread: Callable[[State], tuple[Reals, Reals]], state: State) -> tuple[Reals, Reals]:
    if not state:
        raise _check.error(ValueError, "range", "a range needs data", "no batch, or only empty ones",
                           "give at least one batch with data; a generator can be read only once")
    return spread(state)


# ---------------------------------------------------------------------------------------------- min-max

def extremes(x: Reals, axis: Axis) -> State:
    lo, hi = minmax(x, axis)
    return lo + 0, hi + 0  # -0.0 + 0 is 0.0: merging would otherwise depend on the order


def widest(a: State, b: State) -> State:
    return np.minimum(a[0], b[0]), np.maximum(a[1], b[1])


def both(state: State) -> tuple[Reals, Reals]:
    return state[0], state[1]


#: lo = smallest, hi = largest value seen. Merging is exact: associative, commutative and idempotent, bit for bit.
minmax_observer = observer(extremes, widest, both)


# ---------------------------------------------------------------------------------------------- histogram

def histogram_observer(clip: Clip, bins: int = 8192) -> Observer:
    """The range that `clip` gives on a histogram of all data: any rule, in memory that does not grow with the data.

    Args:
        clip: a rule that takes `counts`, as those of this package do: partial(percentile, percent=99.9), say.
        bins: on either side of 0, a power of two; a range (of a tensor, a channel) takes 16 * bins bytes.

    The bins are a power of two wide, so summaries merge exactly, in any order (histogram.py); the ends are exact too.
    A bin is at most max|x| * 2 / bins wide. Beside the rule on the whole data: entropy is the same, from 2048 bins
    on; percentile lies within half a bin; aciq_gaussian, a sigmas wide, within (1 + a)/2 bins. mse_optimal reaches a
    root mean square error within one bin of the best, because |x - x_hat| changes no faster than x (lp_optimal
    likewise); its range may differ by more where ranges are about equally good.

    >>> from refquant.clipping import percentile
    >>> observer = histogram_observer(partial(percentile, percent=75.0))
    >>> x = np.linspace(0, 1, 101)
    >>> observer.range(observer.merge(observer.observe(x[:7]), observer.observe(x[7:])))
    (np.float64(0.2501220703125), np.float64(0.7501220703125))

    Raises:
        ValueError: bins that are no power of two, NaN or infinities, no data.
        TypeError: a rule that does not take `counts`.
    Source: histogram calibration as in Wu et al. 2020 (arXiv:2004.09602), section 3.2; PyTorch's HistogramObserver
    and ONNX Runtime's calibrators move counts between bins of other widths, so their result depends on the order.
    """
    if "counts" not in inspect.signature(clip).parameters:
        raise _check.error(TypeError, "histogram_observer", "`clip` must take `counts`", repr(clip), "give it the "
                           "keyword: how often each value occurs; minmax has minmax_observer")
    if _check.whole("histogram_observer", bins, "bins", 2) & (bins - 1):
        raise _check.error(ValueError, "histogram_observer", "`bins` must be a power of two", str(bins), "2048, say")
    return observer(partial(_histogram, bins), _add_histograms, partial(_clip_histogram, clip))


def _histogram(bins: int, x: Reals, axis: Axis) -> State:
    lo, hi = extremes(_check.finite("observe", x, "x"), axis)
    exponent = exponents(lo, hi)
    return lo, hi, exponent, tally(x, exponent, bins)


def _add_histograms(a: State, b: State) -> State:
    exponent = np.maximum(a[2], b[2])
    return *widest(a, b), exponent, coarser(a[3], exponent - a[2]) + coarser(b[3], exponent - b[2])


def _clip_histogram(clip: Clip, state: State) -> tuple[Reals, Reals]:
    lo, hi, exponent, counts = state
    values = np.clip(centres(exponent, counts.shape[-1] // 2), lo[..., None], hi[..., None])
    values[..., 0], values[..., -1] = lo, hi  # empty unless the end lies there; so the ends are exact
    found = ranged("range", partial(clip, counts=counts), values, -1)
    return found[0][..., 0].astype(lo.dtype)[()], found[1][..., 0].astype(lo.dtype)[()]
