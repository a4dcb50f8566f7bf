from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq


def test_batches_come_from_any_iterable_once() -> None:
    x = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    expected = rq.dynamic_params(x, rq.UINT8, axis=0)
    for batches in ([x], (x[:7], x[7:]), iter(np.split(x, 3)), (row[None] for row in x), [x[:0], x]):
        assert rq.static_params(batches, rq.UINT8, axis=0) == expected


def test_dynamic_per_tensor_and_per_row() -> None:
    x = np.float32([[0, 1], [0, 100]])
    assert rq.dynamic_params(x, rq.UINT8).scale.shape == ()
    assert rq.dynamic_params(x, rq.UINT8, axis=-1).scale.shape == (2, 1)
    per_row = rq.dynamic_params(x, rq.UINT8, -1)
    alone = rq.dynamic_params(x[:1], rq.UINT8, -1)
    assert per_row.scale[0] == alone.scale[0], "per row, batch mates do not matter"
    assert rq.dynamic_params(x, rq.UINT8).scale != rq.dynamic_params(x[:1], rq.UINT8).scale, "per tensor, they do"


def test_other_rules_plug_in() -> None:
    def middle(x: Any, axis: Any = None) -> Any:
        return np.quantile(x, 0.25, axis=axis, keepdims=axis is not None), np.quantile(x, 0.75, axis=axis,
                                                                                        keepdims=axis is not None)

    x = np.linspace(-1.0, 1.0, 9).reshape(1, 9)
    assert rq.dynamic_params(x, rq.INT8, -1, clip=middle, fit=rq.symmetric_params).scale == 0.5 / 127


def test_a_rule_keeps_the_reduced_axes() -> None:
    with refused(ValueError, "dynamic_params", "R12", "(3,)", "(3, 1)", "keepdims"):
        rq.dynamic_params(np.ones((3, 3)), rq.INT8, -1, clip=lambda x, axis: (x.min(axis), x.max(axis)))
    with refused(ValueError, "dynamic_params", "`axis`", "[0]"):
        rq.dynamic_params(np.ones((3, 3)), rq.INT8, [0])  # type: ignore[arg-type]


@pytest.mark.parametrize("batches", [np.zeros((4, 3)), np.float32(1), np.zeros(0), 1.0, None])
def test_a_bare_array_is_refused(batches: Any) -> None:
    with refused(TypeError, "static_params", "`batches`", type(batches).__name__, "[x]"):
        rq.static_params(batches, rq.INT8)


@pytest.mark.parametrize("batches", [[], [np.zeros((0, 3))], iter(())])
def test_no_data(batches: Any) -> None:
    with refused(ValueError, "needs data"):
        rq.static_params(batches, rq.INT8)


def test_infinite_data() -> None:
    for params in (lambda x: rq.static_params([x], rq.INT8), lambda x: rq.dynamic_params(x, rq.INT8)):
        with refused(ValueError, "R11", "inf"):
            params(np.array([1.0, np.inf]))


def test_batches_of_different_widths() -> None:
    with refused(ValueError, "(1, 3)", "(1, 4)"):
        rq.static_params([np.zeros((2, 3)), np.zeros((2, 4))], rq.INT8, axis=0)
    assert rq.static_params([np.zeros((2, 3)), np.ones((2, 4))], rq.UINT8).scale == 1 / 255
