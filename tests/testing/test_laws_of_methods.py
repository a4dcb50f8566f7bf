"""The laws of the methods find faults that are planted in the methods, and hold functions of others, too."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase

import refquant as rq
from refquant.testing import MUTANTS, holds, kills, laws_citing


@pytest.mark.parametrize("name", [
    "the factor transposed", "damping forgotten", "the update on the wrong side", "alpha for 1 - alpha", "not divided",
    "the maximum for the mean"])
def test_a_planted_fault_is_found(name: str) -> None:
    assert kills.killed(MUTANTS[name], 60)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["gptq", "smoothquant", "hadamard", "awq"])
def test_every_mutant_of_a_method_dies_in_20_of_20_runs(method: str) -> None:
    ours = [mutant for mutant in MUTANTS.values() if method in mutant.wrong]
    assert len(ours) >= 4
    for mutant in ours:
        assert sum(kills.killed(mutant, 100) for _ in range(20)) == 20, mutant.name


def by_the_inverse(w: Any, h: Any, params: rq.AffineParams, damp: float = 0.01, *, act_order: bool = False) -> Any:
    """GPTQ as somebody else may write it, after the paper."""
    order = np.flatnonzero(np.diag(h))
    order = order[np.argsort(-np.diag(h)[order], kind="stable")] if act_order else order
    live = h[np.ix_(order, order)].astype(np.float64)
    u = np.linalg.cholesky(np.linalg.inv(live + damp * np.mean(np.diag(live)) * np.eye(len(live)))).T
    scale, zero = (np.broadcast_to(a, w.shape) for a in (params.scale, params.zero_point))
    moved, q = w.astype(np.float64), rq.quantize(w, params)
    for k, i in enumerate(order):
        row = rq.AffineParams(scale=scale[i], zero_point=zero[i], grid=params.grid)
        q[i] = rq.quantize(moved[i].astype(w.dtype), row)
        moved[order[k + 1:]] -= np.outer(u[k, k + 1:] / u[k, k], moved[i] - rq.dequantize(q[i], row))
    return q


def test_functions_of_others_are_held_to_the_laws() -> None:
    first, *more = laws_citing("gptq")
    assert len(more) == 3
    for law in (first, *more[:2]):  # the last tries the ends of dtypes and signs of zero
        holds(law, SimpleNamespace(gptq=by_the_inverse), max_examples=10)
    nearest = SimpleNamespace(gptq=lambda w, _, params, *__, **___: rq.quantize(w, params))
    with pytest.raises(AssertionError, match="gptq"):
        holds(first, nearest, max_examples=20, phases=[Phase.generate])
