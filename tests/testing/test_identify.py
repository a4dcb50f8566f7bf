import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from black_boxes import EXPECTED, INT32_ENDS, named_rightly
from helpers import needs, refused

import refquant as rq
from refquant.engines import litert, onnxruntime, pytorch, torchao
from refquant.engines.choices import (
    after_rounding,
    in_float16,
    saturating,
    sum_through_int64,
    through_int32,
    through_int64,
)
from refquant.engines.conventions import NAMED, PECULIAR, Convention
from refquant.engines.exact import nearest
from refquant.engines.operators import OPERATORS
from refquant.testing import Identity, identify
from refquant.testing.identify import PROBES

WAYS = list(product(NAMED["division"], NAMED["zero_point"], NAMED["rounding"]))


def box(convention: Convention, narrow: bool = False) -> Any:
    """A black box of that convention; NaN becomes the zero point, and so does 0 / 0 in float16."""
    def quantize(x: Any, params: rq.AffineParams) -> Any:
        grid = rq.IntGrid(params.grid.bits, narrow=narrow)
        return np.array([int(params.zero_point) if np.isnan(v) or math.isnan(
            convention.division(v, np.float32(params.scale))) else convention.quantize(
            v, np.float32(params.scale), int(params.zero_point), grid) for v in x])
    return quantize


def test_the_probes_tell_106_of_120_ways_apart() -> None:
    probes = [(np.float32(float.fromhex(x)), np.float32(float.fromhex(s)), z) for x, s, z in PROBES]
    classes: dict[tuple[int, ...], list[Any]] = {}
    with np.errstate(all="ignore"):
        for way in WAYS:
            codes = tuple(Convention(*way, saturating).quantize(x, s, z, rq.INT8) for x, s, z in probes)
            classes.setdefault(codes, []).append(way)
    assert (len(WAYS), len(classes), len(PROBES)) == (120, 106, 33)
    left = [same for same in classes.values() if len(same) > 1]
    assert len(left) == 14 and all(len(same) == 2 for same in left)
    proven = [same for same in left if Identity(tuple(Convention(*w) for w in same), "", "", False, "").proven]
    assert len(proven) == 6
    for same in proven:
        divisions, zero_points, roundings = ({f.__name__ for f in kind} for kind in zip(*same, strict=True))
        assert divisions <= {"true_division", "reciprocal", "in_float64"} and roundings <= {"half_up", "half_down"}
        assert zero_points == {"after_rounding", "before_rounding_in_float64"}
    for same in (same for same in left if same not in proven):
        assert {rounding.__name__ for *_, rounding in same} <= {"half_added", "half_added_away"}


@pytest.mark.parametrize("index", range(0, 120 * 10, 121))
def test_every_convention_is_found_again(index: int) -> None:
    way, cast, narrow = WAYS[index // 10], NAMED["cast"][index % 5], index % 10 >= 5
    if cast is sum_through_int64 and way[1] is not after_rounding:
        cast = through_int64  # which is the same, with nothing to add after the cast
    convention = Convention(*way, cast)
    found = identify(box(convention, narrow))
    assert convention in found.conventions and len(found.conventions) <= 2 and found.narrow == narrow
    assert found.nan == "the zero point" and (found.infinities == "saturates") == (cast is saturating)
    assert ("tells these apart" in str(found)) == (len(found.conventions) == 2)


@pytest.mark.parametrize("cast", NAMED["cast"], ids=lambda f: f.__name__)
@pytest.mark.parametrize("peculiar", PECULIAR, ids=str)
def test_what_is_peculiar_is_found_again(peculiar: Convention, cast: Any) -> None:
    convention = peculiar._replace(cast=cast)
    found = identify(box(convention)).conventions
    if peculiar.division is in_float16 and cast in (through_int32, through_int64):  # beyond 65504 all is infinite there
        assert [c.cast for c in found] == [through_int32, through_int64] and convention in found
    else:
        assert found == (convention,)


@pytest.mark.parametrize("name", EXPECTED)
def test_each_engine_s_conventions_are_named(name: str) -> None:
    named_rightly(name)


def test_every_engine_with_a_zero_point_is_there() -> None:
    assert [name for name in OPERATORS if not name.startswith("gguf")] == list(EXPECTED)
    quantizers = {f"{m.__name__}.{name}" for m in (litert, onnxruntime, pytorch, torchao) for name in vars(m)
                  if "quantize" in name and not any(part in name for part in ("dequantize", "dynamic", "requantize",
                                                                              "multiplier", "fake"))}
    assert {name.removeprefix("refquant.engines.") for name in quantizers} == {
        "litert.quantize_reference", "litert.quantize_xnnpack", "onnxruntime.quantize_linear",
        "pytorch.quantize_per_channel", "pytorch.quantize_per_tensor", "torchao.quantize_affine"}


def test_two_roundings_are_no_fma_but_no_int8_code_tells() -> None:
    """v + z lies beside a tie of float32 by less than float64 sees: v = x * (1 / scale) is near 1/2 or 3/2, an integer
    times 2**-49, 2**-48 or 2**-47, and would be one of these. None is a product of two significands of 24 bits."""
    products = [2**47 + 2**30 + 1, 2**47 + 2**30 + 2, *(2**48 - 2**31 - d for d in (1, 2, 3, 4)),
                3 * 2**46 + 2**29 + 1, 3 * 2**46 - 2**29 - 1, 2**47 + 2**29 + 1,
                2**48 - 2**30 - 1, 2**48 - 2**30 - 2, 2**48 - 2**29 - 1]
    factors = np.arange(2**23, 2**24)
    for n in products:
        others = n // factors[n % factors == 0]
        assert not ((others >= 2**23) & (others < 2**24)).any()


def test_what_is_observed() -> None:
    assert identify(rq.quantize).nan == "refused" and identify(rq.quantize).proven
    assert identify(lambda x, p: np.where(np.isnan(x), p.zero_point * 2, rq.quantize(np.nan_to_num(x), p))
                    ).nan == "code 0; code 6 with zero point 3"
    assert "refquant's own" in str(identify(rq.quantize))
    found = identify(box(Convention(cast=NAMED["cast"][1])))
    assert found.infinities == INT32_ENDS


def test_with_zero_point_0_alone_less_is_known() -> None:
    def symmetric(x: Any, params: rq.AffineParams) -> Any:
        assert params.zero_point == 0
        return rq.quantize(x, params)

    found = identify(symmetric, symmetric=True)
    assert found.named["rounding"] == ("half_even",) and set(found.named["zero_point"]) == {
        "after_rounding", "before_rounding", "before_rounding_in_float64"}
    assert "No probe tells these apart" in str(found)


def test_what_is_like_none() -> None:
    def to_odd(x: Any, params: rq.AffineParams) -> Any:
        v = x / params.scale
        q = np.where(np.isinf(v) | (v % 1 != 0.5), np.rint(v), 2 * np.floor(v / 2) + 1) + params.zero_point
        return np.clip(q, -128, 127).astype(np.int8)

    found = identify(to_odd)
    assert found.conventions == () and "Nearest is " in str(found) and "; it differs at\n    x=float" in str(found)
    assert found.nan == "code 0"

    def overflowing(x: Any, params: rq.AffineParams) -> Any:
        return np.where(np.abs(x) > 1e9, 0, rq.quantize(x, params)).astype(np.int8)

    found = identify(overflowing)
    assert "what overflows is like none of those known" in str(found)


@pytest.mark.parametrize("grid", [rq.UINT8, rq.INT4, rq.INT32, rq.IntGrid(8, narrow=True)])
def test_grids(grid: rq.IntGrid) -> None:
    with refused(ValueError, "identify", "signed, of 8 to 16 bits", repr(grid)):
        identify(rq.quantize, grid=grid)
    with refused(TypeError, "identify", "must take (x, params)"):
        identify(5)  # type: ignore[arg-type]
    assert identify(rq.quantize, grid=rq.INT16).named["rounding"] == ("half_even",)


@pytest.mark.conformance
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
