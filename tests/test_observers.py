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
