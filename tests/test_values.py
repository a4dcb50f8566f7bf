"""Grids, parameters, layers and networks are values: nobody can change a field, and fields that could be mixed up are
named."""

from dataclasses import FrozenInstanceError, fields
from typing import Any

import numpy as np
import pytest

import refquant as rq
from refquant import mlp
from refquant.mlp.training import Problem

NET = mlp.init(np.random.default_rng(0), (2, 3, 2))
QNET = mlp.ptq_static(NET, [np.eye(2)])
DEPLOYED = mlp.deploy(QNET)
NAMED = [rq.AffineParams(scale=0.5, zero_point=1, grid=rq.INT4), NET, QNET.layers[0], DEPLOYED.layers[0]]
PLAIN = [rq.INT4, rq.E4M3, rq.NF4, rq.two_level(rq.E4M3), QNET, DEPLOYED, mlp.Dynamic(rq.UINT8, -1),
         Problem(np.zeros(1), lambda theta, _: theta, lambda _: 0)]


def name(value: Any) -> str:
    return type(value).__name__


@pytest.mark.parametrize("value", [*NAMED, *PLAIN], ids=name)
def test_no_field_can_be_set_or_deleted(value: Any) -> None:
    for field in fields(value):
        with pytest.raises(FrozenInstanceError):
            setattr(value, field.name, getattr(value, field.name))
        with pytest.raises(FrozenInstanceError):
            delattr(value, field.name)


@pytest.mark.parametrize("value", NAMED, ids=name)
def test_fields_are_named(value: Any) -> None:
    """A scale is not taken for a zero point, nor weights for biases."""
    parts = {field.name: getattr(value, field.name) for field in fields(value)}
    assert type(value)(**parts) == value
    with pytest.raises(TypeError, match=r"positional argument|must be \(scale="):
        type(value)(*parts.values())


@pytest.mark.parametrize("value", NAMED, ids=name)
def test_one_bit_makes_another_value(value: Any) -> None:
    """== and hash go by all fields; no array is compared element by element."""
    parts = {field.name: getattr(value, field.name) for field in fields(value)}
    assert type(value)(**parts) == value and hash(type(value)(**parts)) == hash(value) and value != "something else"
    for field, part in parts.items():
        if isinstance(part, np.ndarray) and part.dtype.kind == "i":
            assert type(value)(**{**parts, field: part + (1 - 2 * (part > 0)).astype(part.dtype)}) != value
