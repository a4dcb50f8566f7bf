import pickle
from functools import partial, reduce
from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq


def test_summaries_per_channel_merge() -> None:
    a, b = np.float32([[1, -2], [3, 4]]), np.float32([[0, 9]])
    observe, merge = rq.minmax_observer.observe, rq.minmax_observer.merge
    lo, hi = rq.minmax_observer.range(merge(observe(a, 0), observe(b, 0)))
    assert lo.tolist() == [[0, -2]] and hi.tolist() == [[3, 9]] and lo.dtype == np.float32


def test_summaries_of_different_shapes() -> None:
    a, b = np.zeros((2, 3)), np.zeros((2, 4))
    with refused(ValueError, "merge", "(1, 3)", "(1, 4)"):
        rq.minmax_observer.merge(rq.minmax_observer.observe(a, 0), rq.minmax_observer.observe(b, 0))


def test_the_empty_summary_travels() -> None:
    nothing = pickle.loads(pickle.dumps(rq.minmax_observer.observe(np.zeros((0, 3)))))
    assert nothing == rq.minmax_observer.empty
    with refused(ValueError, "range", "needs data"):
        rq.minmax_observer.range(nothing)


def test_observed_data_are_reals() -> None:
    with refused(TypeError, "observe", "R7", "int64"):
        rq.minmax_observer.observe([1, 2])


OBSERVERS = {
    "minmax": rq.minmax_observer,
    "percentile": rq.histogram_observer(partial(rq.percentile, percent=99.0)),
    "mse": rq.histogram_observer(partial(rq.mse_optimal, grid=rq.INT4)),
    "entropy": rq.histogram_observer(partial(rq.entropy, grid=rq.INT8)),
    "octav": rq.histogram_observer(partial(rq.octav, grid=rq.INT4)),
    "moments": rq.moments_observer(rq.gaussian_width(4)),
    "moving average": rq.moving_average_observer(0.1),
    "moving average of percentiles": rq.moving_average_observer(0.1, partial(rq.percentile, percent=99.0)),
}
each = pytest.mark.parametrize("observer", OBSERVERS.values(), ids=OBSERVERS)


@each
def test_per_channel_is_each_channel_alone(observer: rq.Observer) -> None:
    x = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32) * np.float32([1, 10, 0.1])
    together = rq.static_params(np.split(x, 4), rq.INT8, axis=0, observer=observer)
    alone = [rq.static_params(np.split(x[:, i], 4), rq.INT8, observer=observer) for i in range(3)]
    assert together.scale.shape == (1, 3) and together.scale.dtype == np.float32
    np.testing.assert_allclose(together.scale[0], [params.scale for params in alone], rtol=1e-6)


@each
def test_states_and_observers_travel(observer: rq.Observer) -> None:
    again = pickle.loads(pickle.dumps(observer))
    x = np.random.default_rng(0).normal(size=(2, 50))
    state = pickle.loads(pickle.dumps(again.merge(again.observe(x[0]), again.observe(x[1]))))
    found = again.range(state)
    assert found == observer.range(observer.merge(observer.observe(x[0]), observer.observe(x[1])))
    assert all(isinstance(end, np.float64) for end in found)


@each
def test_no_data_and_bad_data(observer: rq.Observer) -> None:
    with refused(ValueError, "range", "needs data"):
        observer.range(observer.merge(observer.observe(np.zeros((0, 3))), observer.empty))
    with refused(ValueError, "observe", "NaN", "R7", "(1,)"):
        observer.observe([1.0, np.nan])
    with refused(ValueError, "merge", "(1, 3)", "(1, 4)", "same channels"):
        observer.merge(observer.observe(np.ones((2, 3)), 0), observer.observe(np.ones((2, 4)), 0))
    with refused(ValueError, "`axis`", "5"):
        observer.observe(np.ones((2, 3)), 5)


@each
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_extreme_data_have_a_range(observer: rq.Observer, dtype: Any) -> None:
    info = np.finfo(dtype)
    for values in ([0, 0], [info.max, info.min], [info.smallest_subnormal], [info.max], [3, 3], [-1, -2],
                   [info.smallest_subnormal, info.max]):
        x = np.array(values, dtype)
        lo, hi = observer.range(observer.merge(observer.observe(x), observer.observe(x[:1])))
        assert lo.dtype == hi.dtype == dtype and min(x.min(), 0) <= lo <= hi <= max(x.max(), 0)
        rq.affine_params(lo, hi, rq.INT8)


@pytest.mark.parametrize("name", ["percentile", "moments", "moving average"])
def test_infinities_have_no_place_in_a_summary(name: str) -> None:
    with refused(ValueError, "observe", "finite", "inf"):
        OBSERVERS[name].observe([1.0, np.inf])


def test_a_moving_average_depends_on_the_order_and_on_the_cut() -> None:
    observer = rq.moving_average_observer(0.5)
    a, b = observer.observe([0.0, 1.0]), observer.observe([0.0, 3.0])
    assert observer.range(observer.merge(a, b))[1] == 2.0 == observer.range(observer.merge(b, a))[1], "by chance"
    c = observer.observe([0.0, 9.0])
    orders = [observer.merge(observer.merge(*s[:2]), s[2]) for s in ((a, b, c), (c, b, a))]
    assert [float(observer.range(s)[1]) for s in orders] == [5.5, 3.5]
    assert observer.range(observer.observe([0.0, 1.0, 0.0, 3.0]))[1] == 3.0, "one batch instead of two: another range"


def test_a_moving_average_is_pytorchs() -> None:
    """PyTorch's MovingAverageMinMaxObserver: s = s + averaging_constant * (x - s), from the first batch's range on."""
    x = np.random.default_rng(0).normal(size=(20, 50)).astype(np.float32)
    lo = x[0].min()
    for batch in x[1:]:
        lo = lo + np.float32(0.01) * (batch.min() - lo)
    observer = rq.moving_average_observer(0.01)
    found = observer.range(reduce(observer.merge, map(observer.observe, x)))[0]
    assert found.dtype == np.float32 and abs(found - lo) < 1e-6


def test_sums_are_associative_only_up_to_rounding() -> None:
    observer = rq.moments_observer(3.0)
    a, b, c = (observer.observe(np.random.default_rng(i).normal(size=7 + i)) for i in range(3))
    left, right = observer.merge(observer.merge(a, b), c), observer.merge(a, observer.merge(b, c))
    assert left != right and np.allclose(left[3:], right[3:], rtol=1e-14, atol=0)


def test_constant_data_have_a_range_however_they_are_cut() -> None:
    for c in (0.1, 0.9489436749377653):
        pieces = [np.full(n, c) for n in (1, 4, 8, 8, 8, 8)]
        params = rq.static_params(pieces, rq.INT8, observer=rq.moments_observer(3.0))
        assert params == rq.static_params(pieces, rq.INT8)


def test_memory_does_not_grow_with_the_data() -> None:
    observer = OBSERVERS["mse"]
    few, many = (observer.observe(np.random.default_rng(0).normal(size=n)) for n in (10, 100_000))
    assert [np.size(v) for v in few] == [np.size(v) for v in many] and few[3].nbytes == 8 * (2 * 8192 + 1)


@each
def test_summaries_are_summaries(observer: rq.Observer) -> None:
    state = observer.observe([1.0, 2.0])
    for bad in (None, np.ones(2), [], 0, rq.INT8):
        for call in (lambda bad=bad: observer.merge(bad, state), lambda bad=bad: observer.merge(state, bad),
                     lambda bad=bad: observer.range(bad)):
            with refused(TypeError, "a summary must come from observe or merge", type(bad).__name__):
                call()


@pytest.mark.parametrize(("make", "kind", "parts"), [
    (lambda: rq.histogram_observer("percentile"), TypeError, ("`clip`", "'percentile' of type str")),  # type: ignore[arg-type]
    (lambda: rq.histogram_observer(lambda x, counts: (x, counts)), TypeError, ("`clip`", "a function of x, `axis`")),
    (lambda: rq.histogram_observer(rq.percentile), TypeError, ("`clip`", "<function percentile", "percent=99.9")),
    (lambda: rq.histogram_observer(rq.entropy, 10**5000 + 1), ValueError, ("power of two", "a huge int")),
    (lambda: rq.histogram_observer(rq.entropy, 2.0), TypeError, ("`bins`", "2.0")),  # type: ignore[arg-type]
    (lambda: rq.observer("a", len, len), TypeError, ("observer: all three", "'a' of type str")),  # type: ignore[arg-type]
    (lambda: rq.observer(len, None, len), TypeError, ("observer: all three", "None of")),  # type: ignore[arg-type]
    (lambda: rq.observer(len, len, 3), TypeError, ("observer: all three", "3 of type int")),  # type: ignore[arg-type]
    (lambda: rq.histogram_observer(rq.entropy, 1000), ValueError, ("histogram_observer", "power of two", 1000)),
    (lambda: rq.histogram_observer(rq.entropy, 1), ValueError, ("histogram_observer", "`bins`", "at least 2")),
    (lambda: rq.histogram_observer(rq.minmax), TypeError, ("histogram_observer", "`counts`", "minmax_observer")),
    (lambda: rq.moments_observer(0), ValueError, ("moments_observer", "`width`", "0")),
    (lambda: rq.moments_observer("4"), ValueError, ("moments_observer", "`width`", "'4'")),  # type: ignore[arg-type]
    (lambda: rq.moments_observer(np.inf), ValueError, ("moments_observer", "inf")),
    (lambda: rq.moving_average_observer(1.5), ValueError, ("moving_average_observer", "`rate`", "1.5")),
    (lambda: rq.moving_average_observer(None), ValueError, ("`rate`", "None")),  # type: ignore[arg-type]
])
def test_options(make: Any, kind: type[Exception], parts: tuple[object, ...]) -> None:
    with refused(kind, *parts):
        make()


def test_merging_does_not_depend_on_the_sign_of_zero() -> None:
    a, b = rq.minmax_observer.observe([0.0]), rq.minmax_observer.observe([-0.0])
    assert np.array([rq.minmax_observer.merge(a, b), rq.minmax_observer.merge(b, a)]).tobytes() == bytes(32)
