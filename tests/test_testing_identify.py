from itertools import product
from typing import Any

import numpy as np
import pytest
from helpers import needs, refused

import refquant as rq
from refquant.testing import identify
from refquant.testing.conventions import NAMED, Convention, nearest, saturating
from refquant.testing.identify import PROBES

WAYS = list(product(NAMED["division"], NAMED["zero_point"], NAMED["rounding"]))


def box(convention: Convention, narrow: bool = False) -> Any:
    """A black box of that convention; NaN becomes the zero point."""
    def quantize(x: Any, params: rq.AffineParams) -> Any:
        grid = rq.IntGrid(params.grid.bits, narrow=narrow)
        return np.array([int(params.zero_point) if np.isnan(v) else convention.quantize(
            v, np.float32(params.scale), int(params.zero_point), grid) for v in x])
    return quantize


def test_the_probes_tell_84_of_90_ways_apart() -> None:
    probes = [(np.float32(float.fromhex(x)), np.float32(float.fromhex(s)), z) for x, s, z in PROBES]
    classes: dict[tuple[int, ...], list[Any]] = {}
    with np.errstate(all="ignore"):
        for way in WAYS:
            codes = tuple(Convention(*way, saturating).quantize(x, s, z, rq.INT8) for x, s, z in probes)
            classes.setdefault(codes, []).append(way)
    assert (len(WAYS), len(classes), len(PROBES)) == (90, 84, 31)
    for same in (same for same in classes.values() if len(same) > 1):
        divisions, zero_points, roundings = ({f.__name__ for f in kind} for kind in zip(*same, strict=True))
        assert len(divisions) == 1 and divisions <= {"true_division", "reciprocal", "in_float64"}
        assert zero_points == {"after_rounding", "before_rounding_in_float64"} and len(roundings) == 1
        assert roundings <= {"half_up", "half_down"}


@pytest.mark.parametrize("index", range(0, 90 * 8, 37))
def test_every_convention_is_found_again(index: int) -> None:
    way, cast, narrow = WAYS[index // 8], NAMED["cast"][index % 4], index % 8 >= 4
    convention = Convention(*way, cast)
    found = identify(box(convention, narrow))
    assert convention in found.conventions and len(found.conventions) <= 2 and found.narrow == narrow
    assert found.nan == "code 0" and (found.infinities == "saturates") == (cast is saturating)
    assert ("No input tells these apart" in str(found)) == (len(found.conventions) == 2)


def test_what_is_observed() -> None:
    assert identify(rq.quantize).nan == "refused" and "refquant's own" in str(identify(rq.quantize))
    found = identify(box(Convention(cast=NAMED["cast"][1])))
    assert found.infinities == "+inf: qmin, code -128, -inf: qmin, code -128"


def test_with_zero_point_0_alone_less_is_known() -> None:
    def symmetric(x: Any, params: rq.AffineParams) -> Any:
        assert params.zero_point == 0
        return rq.quantize(x, params)

    found = identify(symmetric, symmetric=True)
    assert found.named["rounding"] == ("half_even",) and set(found.named["zero_point"]) == {
        "after_rounding", "before_rounding", "before_rounding_in_float64"}
    assert "No input tells these apart" in str(found)


def test_what_is_like_none() -> None:
    def added_half(x: Any, params: rq.AffineParams) -> Any:
        q = np.floor(x / params.scale + np.float32(0.5)) + params.zero_point
        return np.clip(q, -128, 127).astype(np.int8)

    found = identify(added_half)
    assert found.conventions == () and "Nearest is rounding=half_up; it differs at\n" in str(found)
    assert "0x1.fffffep-2" in str(found), "0.49999997 + 0.5 is 1 in float32"

    def overflowing(x: Any, params: rq.AffineParams) -> Any:
        return np.where(np.abs(x) > 1e9, 0, rq.quantize(x, params)).astype(np.int8)

    found = identify(overflowing)
    assert "what overflows is like none of those known" in str(found)


@pytest.mark.parametrize("grid", [rq.UINT8, rq.INT4, rq.INT32])
def test_grids(grid: rq.IntGrid) -> None:
    with refused(ValueError, "identify", "signed, of 8 to 16 bits", repr(grid)):
        identify(rq.quantize, grid=grid)
    assert identify(rq.quantize, grid=rq.INT16).conventions


def test_pytorch_fuses_and_adds_the_zero_point_first() -> None:
    torch = needs("torch", "conformance")

    def quantized(x: Any, params: rq.AffineParams) -> Any:
        tensor = torch.from_numpy(x.copy())
        codes = torch.quantize_per_tensor(tensor, float(params.scale), int(params.zero_point), torch.qint8)
        return codes.int_repr().numpy()

    found = identify(quantized)
    assert found.named == {"division": ("fused_reciprocal",), "zero_point": ("before_rounding",),
                           "rounding": ("half_even",), "cast": ("saturating",)}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nearest_rounds_once(dtype: Any) -> None:
    from fractions import Fraction

    info = np.finfo(dtype)
    one_ulp = Fraction(1, 2 ** (info.nmant + 1))
    assert nearest(1 + one_ulp, dtype) == 1, "a tie goes to the even mantissa"
    assert nearest(1 + one_ulp + Fraction(1, 2**200), dtype) == np.nextafter(dtype(1), dtype(2))
    assert nearest(1 + 3 * one_ulp, dtype) == 1 + 4 * dtype(one_ulp)
    assert nearest(Fraction(float(info.max)) * 3, dtype) == np.inf
    assert nearest(Fraction(-(10**400)), dtype) == -np.inf
    assert nearest(Fraction(float(info.smallest_subnormal)) / 3, dtype) == 0
