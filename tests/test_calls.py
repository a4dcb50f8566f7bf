"""Calls that people are likely to get wrong: one clear message, which hands over the cure."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq
from refquant import arguments

X = np.float32([1, 2])
WRONG: dict[str, tuple[Callable[[Any], Any], tuple[str, ...]]] = {
    "scale and zero point by place": (lambda rq: rq.quantize(X, 0.1, 3),
                                      ("the arguments must be (x, params)", "3 by place", "rq.AffineParams(scale=")),
    "scale by name": (lambda rq: rq.quantize(X, scale=0.1), ("quantize", "1 by place and scale by name")),
    "nothing": (lambda rq: rq.fake_quantize(), ("fake_quantize", "0 by place and none by name")),
    "AffineParams by place": (lambda rq: rq.AffineParams(0.1, 3, rq.INT8),
                              ("AffineParams", "(scale=, zero_point=, grid=)", "3 by place and none by name")),
    "a range's end alone": (lambda rq: rq.affine_params(1.0), ("affine_params", "(lo, hi, grid)")),
    "no grid": (lambda rq: rq.dynamic_params(X), ("dynamic_params", "(x, grid, axis, clip=, fit=)")),
    "a search without a grid": (lambda rq: rq.mse_optimal(X), ("mse_optimal", "(x, grid, axis, fit, counts=)")),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_call_of_another_form_is_refused_in_words(name: str) -> None:
    call, says = WRONG[name]
    with refused(TypeError, *says):
        call(rq)


def test_a_type_error_of_one_s_own_function_passes_through() -> None:
    def clip(_x: Any, axis: Any = None) -> Any:  # noqa: ARG001 - the caller names it
        raise TypeError("mine")

    with pytest.raises(TypeError, match=r"^mine$"):
        rq.dynamic_params(X, rq.INT8, clip=clip)


@pytest.mark.parametrize(("least", "most", "example"), [
    (1, None, 8), (9, None, 9), (2, 32, 8), (1, 5, 5), (9, 12, 9), (1, 0, 1)])
def test_a_hint_names_a_number_that_is_taken(least: int, most: int | None, example: int) -> None:
    with refused(ValueError, f"pass {example}, say"):
        arguments.whole("f", least - 1, "n", least, most)
