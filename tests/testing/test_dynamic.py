"""check_dynamic names the fit and the convention of a quantizer with a scale of its own, or shows a wrong code."""

from typing import Any

import numpy as np
import pytest
from helpers import needs, refused

import refquant as rq
from refquant.engines import gguf
from refquant.engines.choices import half_away, half_even
from refquant.testing import Deviation, check_dynamic

pytestmark = pytest.mark.slow  # the doctests of the module stay in the plain command

F = np.float32


def largest(x: Any) -> Any:
    return np.abs(x).max(axis=-1, keepdims=True)


def signed(v: Any, low: int = -128) -> Any:
    return np.clip(v, low, 127).astype(np.int8)


def half_added_away(v: Any) -> Any:
    return np.trunc(v + np.copysign(F(0.5), v))


def by_refquant(grid: rq.Grid, axis: Any = None, block: int | None = None, fit: Any = rq.affine_params) -> Any:
    def quantize(x: Any) -> Any:
        cut = rq.split_blocks(x, block) if block else x
        params = rq.dynamic_params(cut, grid, axis, fit=fit)
        return rq.quantize(cut, params), params.scale, params.zero_point
    return quantize


def with_reciprocal_of_range(x: Any) -> Any:
    return signed(np.rint(x * (F(127) / largest(x)))), largest(x) / F(127)


def with_reciprocal_of_largest(x: Any) -> Any:  # bitsandbytes, where torch makes 127.0 / largest of these two steps
    return signed(np.rint(x * (F(127) * (F(1) / largest(x))))), largest(x) / F(127)


def with_reciprocal_of_a_little_more(x: Any) -> Any:  # keras
    inverse = F(127) / (largest(x) + F(1e-7))
    return signed(np.rint(x * inverse)), F(1) / inverse


def by_reciprocal_of_half_steps(x: Any) -> Any:  # qwix
    scale = largest(x) * (F(1) / F(127.5))
    return signed(np.rint(x / np.where(scale == 0, F(1), scale))), scale


def by_half_steps(x: Any) -> Any:
    scale = largest(x) / F(127.5)
    return signed(np.rint(x / np.where(scale == 0, F(1), scale))), scale


def narrow(x: Any) -> Any:
    return np.maximum(by_half_steps(x)[0], -127), by_half_steps(x)[1]


def not_clipped(x: Any) -> Any:
    scale = largest(x) / F(128)
    return np.rint(x / np.where(scale == 0, F(1), scale)).astype(np.int32).astype(np.int8), scale


def with_epsilon(x: Any) -> Any:
    scale = (largest(x) + F(1e-7)) / F(127)
    return signed(np.rint(x / scale)), scale


def scale_in_float16(x: Any) -> Any:  # gguf Q8_0
    blocks = x.reshape(-1, 32)
    scale = largest(blocks) / F(127)
    return half_added_away(blocks * np.where(scale > 0, 1 / scale, 0).astype(F)).astype(np.int8), scale.astype("f2")


def in_python_floats(x: Any) -> Any:
    scale = float(np.abs(x).max()) / 127 or 1.0
    return signed(np.rint(x.astype(np.float64) / scale)), F(scale)


def zero_point_first(x: Any) -> Any:
    lo, hi = min(x.min(), F(0)), max(x.max(), F(0))
    scale = (hi - lo) / F(255) if hi > lo else F(1)
    zero_point = np.rint(-lo / scale)
    return np.clip(np.rint(x / scale + zero_point), 0, 255).astype(np.uint8), scale, zero_point


def of_powers_of_two(x: Any) -> Any:
    mantissa, exponent = np.frexp(largest(x) / F(127))  # the logarithm in float32 is wrong an ulp above a power of two
    scale = np.where(largest(x) > 0, np.ldexp(F(1), exponent - (mantissa == 0.5)), 1).astype(F)
    return signed(np.rint(x / scale)), scale


def in_columns(x: Any) -> Any:
    scale = np.abs(x).max(axis=0) / F(127)
    return signed(np.floor(x / np.where(scale > 0, scale, 1).astype(F) + F(0.5))), scale


@pytest.mark.parametrize(("f", "options", "fit", "codes"), [
    (by_refquant(rq.INT8), {}, "affine_params", "refquant's own convention"),
    (by_refquant(rq.UINT4), {"grid": rq.UINT4}, "affine_params", "refquant's own convention"),
    (by_refquant(rq.INT4, axis=0, fit=rq.symmetric_params), {"grid": rq.INT4, "axis": 0},
     "symmetric_params, max|x| / 7", "refquant's own convention"),
    (by_refquant(rq.E2M1, -1, 32, rq.mx_params), {"grid": rq.E2M1, "block": 32}, "mx_params",
     "refquant's own convention"),
    (by_refquant(rq.E2M1, -1, 16, rq.two_level(rq.E4M3)), {"grid": rq.E2M1, "block": 16}, "two_level(E4M3)",
     "refquant's own convention"),
    (by_refquant(rq.NF4, -1, 8, rq.symmetric_params), {"grid": rq.NF4, "block": 8}, "symmetric_params, max|x| / 1",
     "refquant's own convention"),
    (with_reciprocal_of_range, {"axis": -1}, "symmetric_params, max|x| / 127", "division=range_reciprocal"),
    (with_reciprocal_of_largest, {"axis": -1}, "symmetric_params, max|x| / 127", "division=range_reciprocal"),
    (with_reciprocal_of_a_little_more, {"axis": -1}, "1 / (127 / (max|x| + 1e-7))", "division=range_reciprocal"),
    (by_reciprocal_of_half_steps, {"axis": -1}, "max|x| * (1 / 127.5)", "refquant's own convention"),
    (by_half_steps, {"axis": -1}, "max|x| / 127.5", "refquant's own convention"),
    (not_clipped, {"axis": -1}, "max|x| / 128", "cast=wrapping"),
    (scale_in_float16, {"block": 32}, "symmetric_params, max|x| / 127",
     "division=reciprocal, rounding=half_added_away, by the scale before it was rounded to its dtype"),
    (in_python_floats, {}, "symmetric_params, max|x| / 127", "division=in_float64, by the scale before"),
    (zero_point_first, {"grid": rq.UINT8}, "affine_params", "zero_point=before_rounding"),
    (of_powers_of_two, {"axis": -1}, "mx_rceil_params", "refquant's own convention"),
    (in_columns, {"axis": 0}, "symmetric_params, max|x| / 127", "rounding=half_added")],
    ids=lambda v: getattr(v, "__name__", ""))
def test_fit_and_convention_are_named(f: Any, options: dict[str, Any], fit: str, codes: str) -> None:
    found = check_dynamic(f, **options)
    assert str(found).startswith(f"scale      {fit}") and f"\ncodes      {codes}" in str(found)
    assert found.fits[0].startswith(fit) and len(found.conventions) == 1 and found.zero_points
    if "float16" not in f.__name__:
        assert len(found.fits) == 1 + (fit == "symmetric_params, max|x| / 1")  # or * (1 / 1)


def test_what_else_is_told() -> None:
    assert "lowest     given" in str(check_dynamic(by_half_steps, axis=-1))
    assert check_dynamic(narrow, axis=-1).lowest.startswith("not given where numbers call for it: grid=IntGrid(bits, n")
    found = check_dynamic(with_reciprocal_of_range, axis=-1)
    assert "lowest     not given: no number of ordinary slices called for it" in str(found)
    found = check_dynamic(with_epsilon, axis=-1)
    assert found.fits == () and "none of those known: max|x| / scale is from 126.9" in str(found)
    assert "all zeros  scale 7.87402e-10" in str(found)
    assert "all zeros  raises RuntimeError" in str(check_dynamic(failing_on_zeros))


def failing_on_zeros(x: Any) -> Any:
    if not x.any():
        raise RuntimeError("no range")
    return by_refquant(rq.INT8)(x)


def test_a_zero_point_like_none_of_those_known() -> None:
    def one_more(x: Any) -> Any:
        lo, hi = min(x.min(), F(0)), max(x.max(), F(0))
        scale = (hi - lo) / F(250) if hi > lo else F(1)
        return np.clip(np.rint(x / scale) + np.rint(-lo / scale) + 1, 0, 255).astype(np.uint8), scale, np.rint(
            -lo / scale) + 1

    assert "\nzero point none of those known\n" in str(check_dynamic(one_more, grid=rq.UINT8))


def four_for_three(x: Any) -> Any:
    q, scale = by_half_steps(x)
    return np.where(q == 3, 4, q), scale


def of_a_position(x: Any) -> Any:
    blocks = x.reshape(-1, 32)
    q, scale = by_half_steps(blocks)
    q[:, 17] = np.floor(blocks / np.where(scale == 0, F(1), scale))[:, 17]
    return q, scale


def of_odd_rows(x: Any) -> Any:
    q, scale = by_half_steps(x)
    q[3::4] = signed(half_added_away(x / np.where(scale == 0, F(1), scale)))[3::4]
    return q, scale


@pytest.mark.parametrize(("f", "options"), [(four_for_three, {"axis": -1}), (of_a_position, {"block": 32}),
                                            (of_odd_rows, {"axis": -1})])
def test_a_wrong_code_is_shown_with_a_call_that_can_be_pasted(f: Any, options: dict[str, Any]) -> None:
    with pytest.raises(Deviation, match="codes follow no named convention; nearest is refquant's own") as found:
        check_dynamic(f, **options)
    story = str(found.value)
    imports, call = story.split("\n\n")[1].strip().split("\n", 1)
    names: dict[str, Any] = {}
    exec(imports, names)
    codes, scale = eval(call.strip(), {**names, f.__name__: f})
    x = eval(call.strip(), {**names, f.__name__: lambda x: x})
    lines = {line[:10].strip(): line[11:] for line in story.split("\n\n")[2].splitlines()}
    right = rq.quantize(x, rq.AffineParams(scale=scale, zero_point=0, grid=rq.INT8))
    bad = codes.reshape(x.shape) != right
    assert bad.any() and len(call) < 400 and int(lines["got"]) in codes.reshape(x.shape)[bad]
    assert int(lines["expected"]) in right[bad] and eval(lines["x"]) in x[bad]


def test_it_is_held_to_what_is_named() -> None:
    check_dynamic(by_half_steps, axis=-1, rounding=half_even)
    with pytest.raises(Deviation, match=r"Not as said: .* nearest is .*rounding=half_away"):
        check_dynamic(by_half_steps, axis=-1, rounding=half_away)


def test_zeros_must_mean_zero() -> None:
    def not_a_number(x: Any) -> Any:
        v = x * (F(448) / largest(x))
        return rq.quantize(np.nan_to_num(v, nan=448.0), rq.AffineParams(scale=1.0, zero_point=0, grid=rq.E4M3)), (
            np.maximum(largest(x), F(1e-5)) / F(448))

    with pytest.raises(Deviation, match="slices of zeros have the code of 0") as found:
        check_dynamic(not_a_number, grid=rq.E4M3, axis=-1)
    assert found.value.rule == "R11" and "expected   0\ngot        126" in str(found.value)


@pytest.mark.parametrize(("f", "options", "kind", "said"), [
    (lambda x: np.zeros(x.shape, int), {}, TypeError, "must return codes, scale and perhaps a zero point"),
    (lambda x: (x, 1.0), {}, TypeError, "must be integers"),
    (lambda x: (np.zeros(x.shape, int), 1.0, 0.5), {}, TypeError, "a real offset is no zero point"),
    (lambda x: (np.zeros(x.shape, int), np.ones(64)), {"axis": -1}, ValueError, "512 codes and 8 scales"),
    (by_half_steps, {"axis": 7}, ValueError, "`axis`"), (by_half_steps, {"block": 1}, ValueError, "`block`"),
    (by_half_steps, {"shape": (3, 1)}, ValueError, "`shape`"),
    (by_half_steps, {"shape": (4, 9), "block": 4}, ValueError, "whole blocks"),
    (lambda x: (np.zeros(x.shape, int), 0.0), {}, ValueError, "finite scales other than 0"),
    (by_half_steps, {"examples": 0}, ValueError, "`examples`"), (by_half_steps, {"grid": 8}, TypeError, "`grid`"),
    (by_half_steps, {"axis": -1, "nan": half_even}, TypeError, "division, zero_point, rounding, cast"),
    (by_half_steps, {"axis": -1, "rounding": "half_even"}, TypeError, "must be functions")])
def test_arguments(f: Any, options: dict[str, Any], kind: type[Exception], said: str) -> None:
    with refused(kind, "check_dynamic", said):
        check_dynamic(f, **options)


def test_gguf_s_own_formula() -> None:
    def q8_0(x: Any) -> Any:
        stored = gguf.quantize_q8_0(x).reshape(-1, 34)
        return stored[:, 2:].view(np.int8), stored[:, :2].copy().view(np.float16)

    def q4_0(x: Any) -> Any:
        stored = gguf.quantize_q4_0(x).reshape(-1, 18)
        codes = np.concatenate([stored[:, 2:] & 15, stored[:, 2:] >> 4], axis=1)
        return codes, stored[:, :2].copy().view(np.float16), np.full(len(stored), 8)

    assert "rounding=half_away, by the scale before it was rounded" in str(check_dynamic(q8_0, block=32))
    found = check_dynamic(q4_0, grid=rq.UINT4, block=32)
    assert found.fits == ("max|x| / 8, rounded to float16, of either sign",)
    assert found.zero_points == ("8",) and not found.stored
    assert any(str(c) == "division=reciprocal, zero_point=with_half_added, rounding=toward_zero"
               for c in found.conventions)
    assert str(found).count(" or ") == 3 and " more, by the scale" in str(found)


@pytest.mark.conformance
def test_torch() -> None:
    torch = needs("torch", "conformance")

    def rows(x: Any) -> Any:
        scale = x.abs().amax(-1, keepdim=True) / 127
        return torch.clamp(torch.round(x * (1 / scale)), -128, 127).to(torch.int8), scale

    def of_bfloat16(x: Any) -> Any:
        scale = x.abs().amax() / 127
        return torch.clamp(torch.round(x / scale), -128, 127).to(torch.int8), scale

    assert "division=reciprocal\n" in str(check_dynamic(rows, axis=-1, arrays=torch.from_numpy))
    found = check_dynamic(of_bfloat16, arrays=lambda a: torch.from_numpy(a).bfloat16(), data_precision=8)
    assert found.fits[0] == "symmetric_params, max|x| / 127, rounded to bfloat16"
    assert "division=in_bfloat16\n" in str(found)
