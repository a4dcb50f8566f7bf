import pickle

import numpy as np
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


def test_whole_data_gives_any_rule_exactly() -> None:
    x = np.random.default_rng(0).normal(size=(40, 3))
    observer = rq.whole_data(lambda v: rq.percentile(v, 95.0))
    static = rq.static_params(np.split(x, 4), rq.INT8, observer=observer)
    assert static == rq.affine_params(*rq.percentile(x, 95.0), rq.INT8)
    with refused(ValueError, "needs data"):
        rq.static_params([x[:0]], rq.INT8, observer=observer)
    with refused(ValueError, "observe", "axis=0", "per tensor"):
        rq.static_params([x], rq.INT8, axis=0, observer=observer)


def test_merging_does_not_depend_on_the_sign_of_zero() -> None:
    a, b = rq.minmax_observer.observe([0.0]), rq.minmax_observer.observe([-0.0])
    assert np.array([rq.minmax_observer.merge(a, b), rq.minmax_observer.merge(b, a)]).tobytes() == bytes(32)
