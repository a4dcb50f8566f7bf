"""Cross-layer equalization: the function stays, the balance is the only one, and it stays where it is."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from helpers import refused
from hypothesis import given
from hypothesis import strategies as st

from refquant.methods import cross_layer_equalization

Chain = tuple[list[Any], list[Any]]


@st.composite
def chains(draw: st.DrawFn, dtypes: Sequence[Any] = (np.float32, np.float64)) -> Chain:
    """A chain of one to five layers; some weights are 0, rows and columns of zeros among them."""
    sizes = draw(st.lists(st.integers(1, 5), min_size=2, max_size=6))
    rng, dtype = np.random.default_rng(draw(st.integers(0, 2**32))), draw(st.sampled_from(dtypes))
    keep, spread = draw(st.sampled_from([1.0, 0.8, 0.4])), draw(st.sampled_from([0.0, 1.0, 3.0]))
    weights = [rng.normal(size=s) * np.exp(spread * rng.normal(size=s)) * (rng.random(s) < keep)
               for s in pairwise(sizes)]
    weights = [np.clip(w, -60_000, 60_000).astype(dtype) for w in weights]
    return weights, [rng.normal(size=n).astype(dtype) for n in sizes[1:]]


def function(weights: Sequence[Any], biases: Sequence[Any], x: Any) -> Any:
    for i, (w, b) in enumerate(zip(weights, biases, strict=True)):
        x = (np.maximum(x, 0) if i else x) @ w.astype(np.float64) + b
    return x


def ranges(weights: Sequence[Any]) -> list[tuple[Any, Any]]:
    return [(np.abs(w1).max(axis=0).astype(np.float64), np.abs(w2).max(axis=1).astype(np.float64))
            for w1, w2 in pairwise(weights)]


def same(a: Sequence[Sequence[Any]], b: Sequence[Sequence[Any]]) -> bool:
    return [(p.dtype, p.shape, p.tobytes()) for ps in a for p in ps] == [
        (q.dtype, q.shape, q.tobytes()) for qs in b for q in qs]


@given(chains())
def test_the_function_stays(chain: Chain) -> None:
    before = [a.copy() for part in chain for a in part]
    equal = cross_layer_equalization(*chain)
    x = np.random.default_rng(0).normal(size=(20, len(chain[0][0])))
    scale = function([np.abs(w) for w in chain[0]], [np.abs(b) for b in chain[1]], np.abs(x)).max()
    np.testing.assert_allclose(function(*equal, x), function(*chain, x), rtol=0, atol=1e-6 * scale)
    assert same([before], [[*chain[0], *chain[1]]]), "nothing passed in is written to"


@given(chains((np.float16, np.float32, np.float64)))
def test_every_live_unit_is_balanced_and_stays_so(chain: Chain) -> None:
    equal = cross_layer_equalization(*chain)
    assert [a.dtype for part in equal for a in part] == [a.dtype for part in chain for a in part]
    rtol = max(1e-6, 2 * float(np.finfo(chain[0][0].dtype).eps))
    for (r1, r2), (old1, old2) in zip(ranges(equal[0]), ranges(chain[0]), strict=True):
        live = (old1 > 0) & (old2 > 0)
        np.testing.assert_allclose(r1[live], r2[live], rtol=rtol, atol=1e-7)
    assert same(cross_layer_equalization(*equal), equal)


@given(chains(), st.integers(0, 2**32))
def test_any_rescaling_of_live_units_is_undone(chain: Chain, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights, biases = ([a.astype(np.float64) for a in part] for part in chain)
    for k, (r1, r2) in enumerate(ranges(weights)):
        s = np.where((r1 > 0) & (r2 > 0), 10 ** rng.uniform(-3, 3, size=r1.size), 1)
        weights[k], biases[k], weights[k + 1] = weights[k] / s, biases[k] / s, weights[k + 1] * s[:, None]
    dtype = chain[0][0].dtype
    rescaled = cross_layer_equalization([w.astype(dtype) for w in weights], [b.astype(dtype) for b in biases])
    for part, again in zip(cross_layer_equalization(*chain), rescaled, strict=True):
        for a, b in zip(part, again, strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-5)


def test_one_hidden_layer_is_the_published_formula() -> None:
    rng = np.random.default_rng(0)
    w1, b1, w2, b2 = rng.normal(size=(4, 3)), rng.normal(size=3), rng.normal(size=(3, 2)), rng.normal(size=2)
    r1, r2 = np.abs(w1).max(axis=0), np.abs(w2).max(axis=1)
    s = np.sqrt(r1 * r2) / r2
    weights, biases = cross_layer_equalization((w1, w2), (b1, b2))
    for a, b in ((weights[0], w1 / s), (biases[0], b1 / s), (weights[1], w2 * s[:, None]), (biases[1], b2)):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_one_layer_has_no_hidden_unit() -> None:
    chain = [np.float32([[1, 100]])], [np.float32([0, 1])]
    equal = cross_layer_equalization(*chain)
    assert same(equal, chain) and equal[0][0] is not chain[0][0]


def test_units_that_hear_nothing_or_are_not_heard_keep_their_scale() -> None:
    w1, w2, b = np.array([[0.0, 5.0, 4.0]]), np.array([[3.0], [0.0], [1.0]]), np.array([1.0, 2.0, 3.0])
    weights, biases = cross_layer_equalization([w1, w2], [b, np.zeros(1)])
    assert weights[0].tolist() == [[0, 5, 2]] and weights[1].tolist() == [[3], [0], [2]]
    assert biases[0].tolist() == [1, 2, 1.5]


def test_a_deep_narrow_chain_is_balanced() -> None:
    """All ranges are the geometric mean."""
    logs = np.random.default_rng(0).normal(size=12)
    weights, _ = cross_layer_equalization([np.exp(v).reshape(1, 1) for v in logs], [np.zeros(1)] * 12)
    np.testing.assert_allclose(np.ravel(weights), np.exp(logs.mean()), rtol=1e-7)


@pytest.mark.parametrize(("dtype", "small", "large"), [
    (np.float64, 5e-324, 1.7e308), (np.float64, 1e-300, 1e-300), (np.float64, 1e300, 1e300),
    (np.float32, 1e-45, 3e38), (np.float32, 3e38, 3e38), (np.float16, 6e-8, 6e4), (np.float16, 6e-8, 6e-8)])
def test_extreme_weights(dtype: Any, small: float, large: float) -> None:
    for r1, r2 in ((small, large), (large, small)):
        chain = [np.array([[r1, 1.0]], dtype), np.array([[r2], [1.0]], dtype)], [np.zeros(2, dtype), np.ones(1, dtype)]
        equal = cross_layer_equalization(*chain)
        expected = np.sqrt(np.longdouble(chain[0][0][0, 0])) * np.sqrt(np.longdouble(chain[0][1][0, 0]))
        for range_ in np.concatenate(ranges(equal[0])[0])[::2]:
            assert range_ == pytest.approx(float(expected), rel=max(1e-6, 2 * float(np.finfo(dtype).eps)))
        assert same(cross_layer_equalization(*equal), equal)


def test_ranges_below_the_normal_numbers_are_balanced_to_the_last_bit() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        weights = [(rng.normal(size=s) * 1e-43).astype(np.float32) for s in ((3, 4), (4, 4), (4, 2))]
        equal = cross_layer_equalization(weights, [np.zeros(n, np.float32) for n in (4, 4, 2)])
        assert same(cross_layer_equalization(*equal), equal)


@pytest.mark.parametrize(("dtypes", "r1", "r2", "stays"), [
    ("dd", 1, 1 + 1e-7, True), ("dd", 1, 1 + 1e-5, False), ("ff", 1, 1 + 5e-7, True), ("ff", 1, 1 + 1e-5, False),
    ("ee", 1, 1 + 2**-10, True), ("ee", 1, 1 + 2**-8, False), ("ed", 1, 1 + 2**-11, True), ("ed", 1, 1.002, False)])
def test_what_counts_as_balanced(dtypes: str, r1: float, r2: float, stays: bool) -> None:
    chain = [np.array([[r1]], dtypes[0]), np.array([[r2]], dtypes[1])], [np.ones(1), np.ones(1)]
    assert same(cross_layer_equalization(*chain), chain) == stays


def test_errors() -> None:
    w, b = np.ones((2, 2)), np.zeros(2)
    for weights, biases in (([], []), ([w], []), ([w, np.ones((3, 1))], [b, np.zeros(1)]), ([w], [np.zeros(3)]),
                            ([np.ones(2)], [np.zeros(())])):
        with refused(ValueError, "cross_layer_equalization", "must chain"):
            cross_layer_equalization(weights, biases)
    for bad in (np.nan, np.inf):
        with refused(ValueError, "`weights[1]`"):
            cross_layer_equalization([w, w + bad], [b, b])
        with refused(ValueError, "`biases[0]`"):
            cross_layer_equalization([w], [b + bad])
    with refused(TypeError, "lists or tuples", "ndarray"):
        cross_layer_equalization(np.ones((2, 2, 2)), [b, b])  # type: ignore[arg-type]
    with refused(TypeError, "int64"):
        cross_layer_equalization([[[1, 2]]], [b])
    with refused(ValueError, "biases must stay finite in float32", "`biases[0]`", "(0,)"):
        cross_layer_equalization([np.float32([[1e-40]]), np.float32([[1e38]])], [np.float32([10]), np.float32([0])])
