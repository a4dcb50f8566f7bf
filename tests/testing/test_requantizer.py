"""identify_requantizer names every requantizer, and what is like none; a table of measured rows is enough."""

from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq
from refquant.engines import litert
from refquant.engines.requantizers import REQUANTIZERS, Requantizer
from refquant.testing import identify_requantizer

pytestmark = pytest.mark.slow  # the doctests of the module stay in the plain command


def alone(r: Requantizer) -> Any:
    return lambda acc, m: np.array([r.rounded(int(a), m)[0] for a in acc])


@pytest.mark.parametrize("name", REQUANTIZERS)
def test_each_is_named_and_no_other(name: str) -> None:
    assert identify_requantizer(alone(REQUANTIZERS[name])).names == (name,)


@pytest.mark.parametrize(("f", "name"), [
    (lambda acc, m: rq.requantize(acc, *rq.quantize_multiplier(m), 0, rq.INT32), "one rounding, ties to even"),
    (lambda acc, m: litert.requantize_gemmlowp(acc, *litert.quantize_multiplier(m), 0, rq.INT32),
     "two roundings, ties up, then away"),
    (lambda acc, m: litert.requantize_ruy(acc, *litert.quantize_multiplier(m), 0, rq.INT32),
     "two roundings, ties up twice"),
    (lambda acc, m: litert.requantize_xnnpack(acc, np.float32(m), 0, rq.INT32), "float32 product, ties to even"),
    (lambda acc, m: np.rint(acc * m), "float64 product, ties to even")])
def test_the_engines_own_functions(f: Any, name: str) -> None:
    assert identify_requantizer(f).names == (name,)


@pytest.mark.parametrize(("acc", "m", "gives"), [(21, 0.5, 11), (245, 0.046875, 11), (-23, 0.5, -11)])
def test_single_rounding_with_ties_up(acc: int, m: float, gives: int) -> None:
    assert REQUANTIZERS["one rounding, ties up"].rounded(acc, m)[0] == gives


def test_tables() -> None:
    rng = np.random.default_rng(0)
    acc = rng.integers(-4000, 4000, 300)
    for name, f in (("two roundings, ties up twice", litert.requantize_ruy),
                    ("two roundings, ties up, then away", litert.requantize_gemmlowp)):
        m = 0.046875
        out = f(acc, *litert.quantize_multiplier(m), -3, rq.INT8)
        found = identify_requantizer(np.stack([acc, np.full(300, m), np.full(300, -3), out], axis=1))
        assert found.names == (name,) and str(found).startswith(name)
    unclear = str(identify_requantizer([(2, 0.5, 0, 1), (1000, 0.5, 0, 127)]))
    assert unclear.startswith("Nothing that was asked tells these apart:\none rounding, ties to even: as refquant\n")
    assert len(unclear.splitlines()) == 1 + len(REQUANTIZERS)


def test_what_is_like_none() -> None:
    found = identify_requantizer(lambda acc, m: np.rint(acc * m) + (acc == 21))
    assert found.names == () and "Nearest is float64 product, ties to even; it differs at acc=21" in str(found)
    found = identify_requantizer([(21, 0.5, 3, 99)])
    assert found.names == () and ": 99 instead of 1" in str(found)


def test_arguments() -> None:
    with refused(TypeError, "identify_requantizer", "must take (acc, m)"):
        identify_requantizer(lambda acc: acc)
    with refused(TypeError, "identify_requantizer", "products must be integers", "10"):
        identify_requantizer(lambda acc, m: acc * m)
    with refused(ValueError, "identify_requantizer", "rows (acc, m, zero point, out)", "(3,)"):
        identify_requantizer([1, 2, 3])
