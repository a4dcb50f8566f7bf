from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq
from refquant.clipping.bins import EMPTY, centres, coarser, exponents, tally


def test_bins_end_exclusively() -> None:
    x = np.array([-4.0, -3.9999, -1.0, -0.9999, 0.0, -0.0, 0.9999, 1.0, 3.9999])
    assert exponents(x.min(), x.max()) == 3, "4 itself needs the next power of two"
    assert tally(x, np.array(3), 8).tolist() == [0, 0, 0, 1, 1, 0, 1, 1, 2, 1, 1, 0, 1, 0, 0, 0, 0]


def test_merging_is_counting_in_wider_bins() -> None:
    x = np.random.default_rng(0).standard_t(2, size=5000)
    e = exponents(x.min(), x.max())
    for doublings in (0, 1, 3, 70):
        again = tally(x, e + doublings, 64)
        assert (coarser(tally(x, e, 64), np.array(doublings)) == again).all() and again.sum() == x.size


def test_what_scaling_makes_zero_was_not_zero() -> None:
    x = np.array([1e300, 5e-324, -5e-324, 0.0])
    assert tally(x, exponents(x.min(), x.max()), 2).tolist() == [0, 1, 1, 1, 1]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_extremes(dtype: type) -> None:
    info = np.finfo(dtype)
    for value in (info.max, info.tiny, info.smallest_subnormal):
        x = np.array([value, -value], dtype)
        counts = tally(x, exponents(x.min(), x.max()), 4)
        assert counts.sum() == 2 and counts[:2].sum() == 1 and counts[-2:].sum() == 1, "in the upper half"
    assert exponents(dtype(0), dtype(0)) == EMPTY
    assert tally(np.zeros(3, dtype), np.array(EMPTY), 2).tolist() == [0, 0, 3, 0, 0]


def test_channels() -> None:
    x = np.array([[1.0, 100.0], [-3.0, 0.0]])
    e = exponents(x.min(axis=0, keepdims=True), x.max(axis=0, keepdims=True))
    assert tally(x, e, 2).tolist() == [[[1, 0, 0, 1, 0], [0, 0, 1, 0, 1]]]
    assert centres(e, 2).tolist() == [[[-3, -1, 0, 1, 3], [-96, -32, 0, 32, 96]]]


def test_what_a_rule_sees() -> None:
    """The middles of the bins and how often, the ends in place of the outermost middles; merged, it is the same."""
    x = np.array([-7.5, -5.5, -5.5, -2.5, -1, 0, 0, 0, 0.5, 1.5, 2, 4, 7.25])
    seen: list[list[float]] = []

    def rule(x: Any, axis: Any = None, counts: Any = None) -> Any:
        seen.append([*x.tolist(), *counts.tolist()])
        return rq.minmax(x, axis)

    observer = rq.histogram_observer(rule, bins=4)
    for cut in range(len(x)):
        parts = [observer.observe(part) for part in (x[:cut], x[cut:])]
        for state in (observer.merge(*parts), observer.merge(*parts[::-1])):
            assert observer.range(state) == (-7.5, 7.25)
    for small in (x / 64, 1024 * x):
        state = observer.merge(observer.observe(small), observer.observe(x))
        assert observer.range(state) == (min(-7.5, small.min()), max(7.25, small.max()))
    assert all(each == [-7.5, -5, -3, -1, 0, 1, 3, 5, 7.25, 1, 2, 1, 1, 3, 2, 1, 1, 1] for each in seen[:-2])


@pytest.mark.parametrize("bins", [0, 1, 3, 6, 1000])
def test_bins_that_are_no_power_of_two(bins: int) -> None:
    with refused(ValueError, "histogram_observer", "`bins`", str(bins)):
        rq.histogram_observer(rq.entropy, bins)
