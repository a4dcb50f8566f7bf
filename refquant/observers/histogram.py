"""Histogram: a clipping rule for data seen in pieces, by counts in bins that merge exactly (clipping/bins.py)."""

from __future__ import annotations

from functools import partial

import numpy as np

from .. import arguments
from ..arguments import Reals
from ..clipping import Axis, Clip
from ..clipping.bins import centres, coarser, exponents, tally
from ..clipping.rule import ranged
from .minmax import extremes, widest
from .monoid import Observer, State, observer


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
    if arguments.whole("histogram_observer", bins, "bins", 2).bit_count() > 1:
        raise arguments.error(ValueError, "histogram_observer", "`bins` must be a power of two", arguments.shown(bins),
                              "2048, say")
    if not arguments.takes(clip, None, axis=None, counts=None):
        raise arguments.error(TypeError, "histogram_observer", "`clip` must be a function of x, `axis` and `counts`",
                              arguments.typed(clip), "partial(percentile, percent=99.9); minmax has minmax_observer")
    return observer(partial(_histogram, bins), _add_histograms, partial(_clip_histogram, clip))


def _histogram(bins: int, x: Reals, axis: Axis) -> State:
    lo, hi = extremes(arguments.finite("observe", x, "x"), axis)
    arguments.room_for_an_axis("observe", lo)
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
