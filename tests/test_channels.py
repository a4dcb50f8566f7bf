"""channel_params: scales as engines store them, along the axis that is kept."""

from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq

X = np.random.default_rng(0).normal(size=(3, 3, 3)).astype(np.float32)
SCALE, ZERO = np.float32([0.01, 0.1, 1.0]), np.int64([-3, 0, 7])


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
def test_each_channel_has_its_own_scale(axis: int) -> None:
    params = rq.channel_params(SCALE, ZERO, rq.INT8, axis=axis, ndim=3)
    assert params.scale.dtype == np.float32 and params.scale.shape == tuple(
        3 if i == axis % 3 else 1 for i in range(3))
    q = rq.quantize(X, params)
    for c in range(3):
        one = rq.AffineParams(scale=SCALE[c], zero_point=ZERO[c], grid=rq.INT8)
        np.testing.assert_array_equal(np.take(q, c, axis), rq.quantize(np.take(X, c, axis), one))


def test_one_zero_point_serves_all_and_one_axis_is_enough() -> None:
    params = rq.channel_params([0.5, 2], 0, rq.UINT8, axis=0, ndim=1)
    assert params == rq.AffineParams(scale=[0.5, 2], zero_point=[0, 0], grid=rq.UINT8)
    assert rq.channel_params([0.5], 0, rq.INT8, axis=63, ndim=64).scale.ndim == 64


@pytest.mark.parametrize(("change", "kind", "says"), [
    ({"scale": 0.5}, ValueError, "`scale` must be of shape (C,)"),
    ({"scale": [[0.5, 1, 2]]}, ValueError, "shapes (1, 3) and (3,)"),
    ({"zero_point": [1, 2]}, ValueError, "shapes (3,) and (2,)"),
    ({"axis": 3}, ValueError, "`axis`"), ({"axis": None}, ValueError, "`axis`"),
    ({"axis": 10**400}, ValueError, "`axis`"),
    ({"ndim": 0}, ValueError, "`ndim`"), ({"ndim": 65}, ValueError, "`ndim`"), ({"ndim": "3"}, TypeError, "`ndim`"),
    ({"scale": [0.1, -1, 1]}, ValueError, "positive"), ({"zero_point": 200}, ValueError, "`zero_point`"),
    ({"zero_point": 0.0}, TypeError, "`zero_point`"), ({"grid": "int8"}, TypeError, "`grid`")])
def test_errors(change: dict[str, Any], kind: type[Exception], says: str) -> None:
    good: dict[str, Any] = {"scale": SCALE, "zero_point": ZERO, "grid": rq.INT8, "axis": 1, "ndim": 3}
    call = {**good, **change}
    with refused(kind, says):
        rq.channel_params(call["scale"], call["zero_point"], call["grid"], axis=call["axis"], ndim=call["ndim"])
