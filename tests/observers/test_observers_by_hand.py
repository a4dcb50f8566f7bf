"""Summaries beside what they summarise: moments and moving averages merged in every grouping."""

from functools import partial, reduce
from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq

RNG = np.random.default_rng(4)
PIECES = [RNG.normal(loc=3 * i, scale=1 + i, size=n).astype(np.float32) for i, n in enumerate((5, 1, 40, 13))]


def groupings(merge: Any, states: list[Any]) -> list[Any]:
    """One after the other, the last first, and in pairs."""
    backwards = reduce(lambda after, before: merge(before, after), reversed(states))
    return [reduce(merge, states), backwards, merge(merge(*states[:2]), merge(*states[2:]))]


@pytest.mark.parametrize("unit", [1.0, 2.0**100, 2.0**-100])
def test_moments_of_pieces_are_those_of_the_whole(unit: float) -> None:
    observer, whole = rq.moments_observer(0.75), np.concatenate(PIECES).astype(np.float64)
    mean, deviation = whole.mean(), whole.std()
    for state in groupings(observer.merge, [observer.observe(x * np.float32(unit)) for x in PIECES]):
        assert state[2] == whole.size and state[:2] == (whole.min() * unit, whole.max() * unit)
        np.testing.assert_allclose(np.array(state[3:]) / unit, (mean, deviation), rtol=1e-12)
        found = np.array(observer.range(state), np.float64) / unit
        np.testing.assert_allclose(found, (mean - 0.75 * deviation, mean + 0.75 * deviation), rtol=1e-6)


def test_moments_of_the_largest_numbers() -> None:
    """No difference, sum or square overflows: half at either end, the mean is 0, the deviation the end."""
    most = np.finfo(np.float64).max
    observer = rq.moments_observer(0.5)
    ends = [observer.observe(np.full(n, end)) for n, end in ((3, most), (3, -most))]
    for state in (observer.merge(*ends), observer.merge(*reversed(ends))):
        np.testing.assert_allclose(state[3:], (0, most), atol=most * 1e-15)
        np.testing.assert_allclose(observer.range(state), (-most / 2, most / 2), rtol=1e-15)


@pytest.mark.parametrize("rate", [0, 0.25, 0.3, 1])
def test_moving_averages_compose(rate: float) -> None:
    """s + rate * (x - s), batch by batch, however the stream is cut into shards; sums are kept in float64."""
    observer, states = rq.moving_average_observer(rate), []
    ends = [(float(x.min()), float(x.max())) for x in PIECES]
    for n in range(1, 5):
        wanted = reduce(lambda s, x: tuple(a + rate * (b - a) for a, b in zip(s, x, strict=True)), ends[:n])
        states = [observer.observe(x) for x in PIECES[:n]]
        for state in groupings(observer.merge, states) if n == 4 else [reduce(observer.merge, states)]:
            np.testing.assert_allclose(observer.range(state), wanted, rtol=1e-6)
            assert [v.dtype for v in state[:2]] == [np.float32] * 2 and [v.dtype for v in state[3:]] == [np.float64] * 2
    x = np.float32([0.1, 0.7])
    assert observer.observe(x)[2:] == (1 - rate, rate * float(x[0]), rate * float(x[1]))


def test_the_fewest_bins() -> None:
    """Two on either side of 0."""
    observer = rq.histogram_observer(partial(rq.percentile, percent=100), bins=2)
    x = np.array([-3.0, -1.0, 0.0, 1.0, 3.5])
    state = observer.observe(x)
    assert state[3].tolist() == [1, 1, 1, 1, 1] and observer.range(state) == (-3.0, 3.5)


def test_a_rule_for_histograms_takes_axis_and_counts() -> None:
    def no_axis(x: Any, counts: Any) -> Any:
        return x, counts

    for rule in (no_axis, lambda x, axis: (x, axis)):
        with refused(TypeError, "histogram_observer", "`clip` must be a function of x, `axis` and `counts`"):
            rq.histogram_observer(rule)


@pytest.mark.parametrize("width", [1e-3, 0.5, 1])
def test_narrow_widths(width: float) -> None:
    observer = rq.moments_observer(width)
    lo, hi = observer.range(observer.observe([-1.0, 1.0]))
    assert (lo, hi) == (-width, width)


def test_a_moving_average_takes_a_hundredth_of_each_batch() -> None:
    """Unless it is told a rate."""
    observer = rq.moving_average_observer()
    assert observer.range(reduce(observer.merge, map(observer.observe, ([0.0], [1.0])))) == (0.01, 0.01)
