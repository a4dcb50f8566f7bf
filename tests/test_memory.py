"""What a call holds at most, in the bytes of x: no array twice, no copy of an argument that is right already."""

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import refquant as rq
from refquant import arguments

X = np.linspace(-3, 5, 2**16).astype(np.float32)
PARAMS = rq.affine_params(-2, 4, rq.INT8)
RAW = PARAMS.scale, PARAMS.zero_point, PARAMS.grid


def peak(f: Callable[[], Any]) -> float:
    f()
    tracemalloc.start()
    f()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / X.nbytes


@pytest.mark.parametrize(("f", "most"), [
    (lambda: rq.fake_quantize(X, PARAMS), 1),  # the result alone
    (lambda: rq.quantize(X, PARAMS), 1.25),  # quotients, and codes of a byte
    (lambda: rq.straight_through(X, *RAW), 3),  # quotients, what is above qmin, and the result
    (lambda: rq.lsq(X, *RAW), 3)],  # quotients, steps and the result
    ids=["fake_quantize", "quantize", "straight_through", "lsq"])
def test_what_a_call_holds(f: Any, most: float) -> None:
    assert most <= peak(f) < most + 0.1


@pytest.mark.parametrize("parse", [arguments.array, arguments.reals, arguments.finite, arguments.float32,
                                   arguments.number])
def test_what_is_right_already_is_not_copied(parse: Any) -> None:
    assert np.shares_memory(parse("f", X, "x"), X)
