"""Formats that nobody has built in: a line each, and every law, packing and a network work."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

import refquant as rq
from refquant.study.datasets import digits
from refquant.testing import Law, check_quantizer, holds, laws_of

E3M4 = rq.FloatGrid(3, 4, specials=16)
INVENTED = {
    "E3M4 with infinities": E3M4,
    "E3M4 FNUZ": rq.FloatGrid(3, 4, fnuz=True),
    "no 0, not symmetric": rq.Codebook([-3, -1.5, -0.25, 0.5, 1, 2.75]),
}
CASES = [pytest.param(law, id=f"{name}: {law.name}") for name, grid in INVENTED.items() for law in laws_of(grid)]
each_format = pytest.mark.parametrize("grid", INVENTED.values(), ids=INVENTED)


@pytest.mark.slow
@pytest.mark.parametrize("law", CASES)
def test_every_law_holds(law: Law) -> None:
    holds(law, max_examples=20)


@each_format
def test_quickly(grid: Any) -> None:
    for law in laws_of(grid):
        holds(law, max_examples=2)


def test_the_number_of_laws() -> None:
    assert len(CASES) >= 3 * 20 and {rule for case in CASES for rule in case.values[0].rules} >= {
        "R2", "R3", "R4", "R5", "R6", "R8", "R10", "R11", "R12", "R15", "R16", "R17", "R18"}


def test_e3m4_by_closed_form() -> None:
    assert -10 * np.log10(rq.gaussian_mse(E3M4)) == pytest.approx(37.447, abs=0.002)


@each_format
def test_codes_pack(grid: Any) -> None:
    q = rq.quantize(np.random.default_rng(0).normal(size=(7, 9)), rq.AffineParams(scale=0.5, zero_point=0, grid=grid))
    packed = rq.pack(q, grid)
    assert packed.size == -(-q.size * grid.bits // 8)
    assert (rq.unpack(packed, grid, q.size).reshape(q.shape) == q).all()


@cache
def network() -> tuple[Any, Any]:
    x, labels = digits()
    rng = np.random.default_rng(0)
    return rq.mlp.train(rq.mlp.init(rng, (64, 16, 10)), x[:300], labels[:300], rng=rng, epochs=3), x


@each_format
def test_a_network_runs(grid: Any) -> None:
    net, x = network()
    small = rq.mlp.ptq_static(net, [x[:200]], weight_grid=grid, activation_grid=grid,
                              weight_fit=rq.symmetric_params, activation_fit=rq.symmetric_params)
    logits = rq.mlp.forward_quantized(small, x)
    agree = (logits.argmax(axis=1) == rq.mlp.forward(net, x).argmax(axis=1)).mean()
    assert np.isfinite(logits).all() and agree > 0.3


@pytest.mark.parametrize("grid", [rq.E4M3, rq.NF4, *INVENTED.values()], ids=["E4M3", "NF4", *INVENTED])
def test_the_kit_takes_them(grid: Any) -> None:
    check_quantizer(rq.quantize, rq.dequantize, grids=grid, examples=5)
