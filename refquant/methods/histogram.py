"""Histogram: bins a power of two wide merge into wider ones exactly, so data may come in any pieces and any order.

Bin k, from 0 to n - 1 on either side of 0, holds the x with k * 2**e <= |x| < (k + 1) * 2**e; zero stands apart. The
exponent e is the least that lets every |x| stay below n * 2**e, so the largest |x| lies in the upper half of the bins.
"""

import inspect
from functools import partial

import numpy as np

from .. import _check
from .._check import Codes, Reals, quiet
from ..clipping import Axis, Clip, ranged
from ..observers import Observer, State, extremes, observer, widest

EMPTY = -100_000  # the exponent of data without anything but zeros: below every other


@quiet
def exponents(lo: Reals, hi: Reals) -> Codes:
    """The least E with |x| < 2**E for every x in [lo, hi].

    >>> exponents(np.float64(-3), np.float64(4))
    array(3, dtype=int32)
    """
    largest = np.asarray(np.maximum(np.abs(lo), np.abs(hi)))
    return np.where(largest > 0, np.frexp(largest)[1], EMPTY)


@quiet
def tally(x: Reals, exponent: Codes, n: int, counts: Codes | None = None) -> Codes:
    """How many x lie in each bin: (*exponent's shape, 2 n + 1), ascending, zero in the middle.

    Args:
        x: (*S) finite reals.
        exponent: of a shape that broadcasts to x's; the bins are 2**exponent / n wide.
        n: bins on either side of 0, a power of two.
        counts: (*S) how often each x occurs; None is once.

    >>> tally(np.array([-3.0, 0.0, 0.5, 3.9, 3.9]), np.array(2), 2)
    array([1, 0, 1, 1, 2])
    """
    scaled = np.ldexp(x.astype(np.result_type(x, np.float32), copy=False), n.bit_length() - 1 - exponent)
    place = (np.trunc(scaled) + np.sign(x)).astype(np.int64)  # of x: what scaling makes 0 was not 0
    place += n + (2 * n + 1) * np.arange(exponent.size).reshape(exponent.shape)
    weights = None if counts is None else counts.ravel()
    found = np.bincount(place.ravel().astype(np.intp, copy=False), weights, minlength=(2 * n + 1) * exponent.size)
    return found.astype(np.int64).reshape(*exponent.shape, 2 * n + 1)


def coarser(counts: Codes, doublings: Codes) -> Codes:
    """The same counts in bins 2**doublings as wide: k becomes k >> doublings on either side of 0.

    >>> coarser(np.array([5, 1, 0, 0, 7]), np.array(1))
    array([0, 6, 0, 7, 0])
    """
    n = counts.shape[-1] // 2
    k = np.arange(-n, n + 1)
    to = n + np.sign(k) * (((np.abs(k) - 1) >> np.minimum(doublings, 62)[..., None]) + 1)
    to += (2 * n + 1) * np.arange(doublings.size).reshape(*doublings.shape, 1)
    found = np.bincount(to.ravel().astype(np.intp, copy=False), counts.ravel(), minlength=counts.size)
    return found.astype(np.int64).reshape(counts.shape)


@quiet
def centres(exponent: Codes, n: int) -> Reals:
    """The middles of the bins, and 0: (*exponent's shape, 2 n + 1) float64.

    >>> centres(np.array(2), 2)
    array([-3., -1.,  0.,  1.,  3.])
    """
    k = np.arange(-n, n + 1)
    return np.ldexp(k - 0.5 * np.sign(k), exponent[..., None] - n.bit_length() + 1)


# ---------------------------------------------------------------------------------------------- the observer

def histogram_observer(clip: Clip, bins: int = 8192) -> Observer:
    """The range that `clip` gives on a histogram of all data: any rule, in memory that does not grow with the data.

    Args:
        clip: a rule that takes `counts`, as those of this package do: partial(percentile, percent=99.9), say.
        bins: on either side of 0, a power of two; a range (of a tensor, a channel) takes 16 * bins bytes.

    The bins are a power of two wide, so summaries merge exactly, in any order (above); the ends are exact too.
    A bin is at most max|x| * 2 / bins wide. Beside the rule on the whole data: entropy is the same, from 2048 bins
    on; percentile lies within half a bin; aciq_gaussian, a sigmas wide, within (1 + a)/2 bins. mse_optimal reaches a
    root mean square error within one bin of the best, because |x - x_hat| changes no faster than x (lp_optimal
    likewise); its range may differ by more where ranges are about equally good.

    >>> from refquant import percentile
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
