"""Quantizers in the forms that people have: by range, on one axis, on blocks, of tensors, of coarse numbers."""

import re
from typing import Any

import numpy as np
import pytest
from helpers import needs, refused

import refquant as rq
import refquant.testing
from refquant.engines.choices import before_rounding, fused_reciprocal, in_bfloat16, reciprocal
from refquant.engines.exact import coarse
from refquant.testing import Deviation, by_blocks, by_range, check_quantizer, identify, one_axis
from refquant.testing.forms import plain
from refquant.testing.ladder import Made

pytestmark = pytest.mark.slow  # the doctests of the module stay in the plain command

TABLE = re.findall(r"^    (\S.*?) {2,}((?:print\()?(?:check_|identify)\w*\(.*mine.*)$",
                   refquant.testing.__doc__ or "", re.MULTILINE)
BITS8 = rq.UINT8


def rounded(v: Any, grid: rq.Grid) -> Any:
    return np.clip(v, grid.qmin, grid.qmax).astype(grid.dtype)


def plain_one(x: Any, scale: Any, zero_point: Any = 0, axis: int | None = None) -> Any:
    if axis is not None:
        scale, zero_point = (a.reshape([-1 if i == axis else 1 for i in range(x.ndim)]) for a in (scale, zero_point))
    return rounded(np.rint(x / scale) + zero_point, rq.INT8)


def by_ends(x: Any, lo: Any, hi: Any) -> Any:
    scale = (hi - lo) / 255
    return rounded(np.rint(x / scale) - np.rint(lo / scale), BITS8)


def in_blocks(x: Any, scales: Any, zero_points: Any, mixed: bool = False) -> Any:
    x_blocks = x.reshape(*x.shape[:-1], -1, 32)
    scales = scales[..., :1] if mixed else scales
    return rounded(np.rint(x_blocks / scales[..., None]) + zero_points[..., None], rq.INT4).reshape(x.shape)


def own_scale(x: Any, grid: rq.Grid, axis: Any, block: int | None, fit: Any) -> Any:
    cut = rq.split_blocks(x, block) if block else x
    params = rq.dynamic_params(cut, grid, axis, fit=fit)
    codes = rq.quantize(cut, params)
    return (codes, params.scale, params.zero_point) if grid.equal_steps and axis is None else (codes, params.scale)


def whole_blocks(x: Any, grid: rq.Grid) -> Any:
    blocks = rq.split_blocks(x, 32)
    params = rq.dynamic_params(blocks, grid, -1)
    return rq.quantize(blocks, params), params.scale, params.zero_point


def down(x: Any) -> Any:
    """Codes, scales and zero points of blocks of 32 rows, each in x's order."""
    codes, scale, zero_point = whole_blocks(x.T, rq.INT8)
    return (rq.join_blocks(codes).T, *(part.reshape(x.shape[1], -1).T for part in (scale, zero_point)))


def reals_by_ends(x: Any, lo: Any, hi: Any) -> Any:
    scale = (hi - lo) / 255
    zero_point = np.rint(-lo / scale)
    return ((np.clip(np.rint(x / scale) + zero_point, 0, 255) - zero_point) * scale).astype(x.dtype)


MINE: dict[str, Any] = {
    "(x, params) -> codes": rq.quantize, "(x, scale, zero_point) -> codes": plain_one, "(x, scale) -> codes": plain_one,
    "(x, scale_1d, zero_point_1d, axis)": plain_one, "(x, lo, hi) -> codes": by_ends,
    "(x, scales, zero_points), blocks": in_blocks, "float codes, a codebook": rq.quantize,
    "(x, params) -> x_hat": rq.fake_quantize, "(x, lo, hi) -> x_hat": reals_by_ends,
    "which convention is it?": rq.quantize, "by ranges: which is it?": by_ends,
    "x -> codes, scale, zero_point": lambda x: own_scale(x, rq.UINT8, None, None, rq.affine_params),
    "x -> codes, scale, one a row": lambda x: own_scale(x, rq.INT8, -1, None, rq.symmetric_params),
    "x -> codes, scales of blocks": lambda x: own_scale(x, rq.E2M1, -1, 32, rq.mx_params),
    "x -> codes, scales, zeros of blocks": lambda x: whole_blocks(x, rq.UINT4),
    "blocks down the columns": down,
    "x -> codes, the scale always 0.05": lambda x: np.clip(np.rint(x / np.float32(0.05)), -128, 127).astype(np.int8),
    "(acc, m) -> rounded products": lambda acc, m: rq.requantize(acc, *rq.quantize_multiplier(m), 0, rq.INT32)}


def test_the_table_names_every_form_that_is_tested_here() -> None:
    assert [form for form, _ in TABLE] == list(MINE)


@pytest.mark.parametrize(("form", "line"), TABLE, ids=[form for form, _ in TABLE])
def test_each_line_of_the_table_runs_and_finds_a_right_one_right(form: str, line: str,
                                                                 capsys: pytest.CaptureFixture[str]) -> None:
    if "check" in line:  # identify has no examples
        line = line[:-2] + ", examples=8))" if line.startswith("print") else line[:-1] + ", examples=8)"
    exec(f"import refquant as rq; from refquant.testing import *\n{line}", {"mine": MINE[form]})
    assert ("refquant" in capsys.readouterr().out) == line.startswith("print")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("grid", [rq.UINT8, rq.INT4, rq.UINT16, rq.E4M3, rq.IntGrid(20)], ids=repr)
def test_every_range_gives_back_its_parameters(grid: rq.Grid, dtype: str) -> None:
    def same(x: Any, params: rq.AffineParams) -> Any:
        lo, hi = (params.scale * (end - params.zero_point).astype(params.scale.dtype) for end in (grid.qmin, grid.qmax))
        fit = rq.affine_params if grid.equal_steps else rq.symmetric_params
        if grid.equal_steps:  # also where both are rounded, in whatever order
            assert (((hi - lo) / (grid.qmax - grid.qmin)).astype(dtype) == params.scale).all()
        assert (fit(lo, hi, grid).scale == params.scale).all()
        assert (fit(lo, hi, grid).zero_point == params.zero_point).all()
        return rq.quantize(x, params)

    same.__name__ = "by_range(same)"
    check_quantizer(same, grids=grid, dtypes=[dtype], examples=6)


def offset_first(x: Any, lo: Any, hi: Any) -> Any:
    return rounded(np.rint((x - lo) / ((hi - lo) / 255)), BITS8)


def by_its_reciprocal(x: Any, lo: Any, hi: Any) -> Any:
    return rounded(np.rint(x * (255 / (hi - lo))) - np.rint(lo * (255 / (hi - lo))), BITS8)


@pytest.mark.parametrize(("f", "rule"), [(offset_first, "R5"), (by_its_reciprocal, "R3")])
def test_wrong_ones_by_range(f: Any, rule: str) -> None:
    with pytest.raises(Deviation) as found:
        check_quantizer(by_range(f), grids=BITS8, examples=20)
    assert found.value.rule == rule and f"    by_range({f.__name__})(np.array([" in str(found.value)


def test_wrong_ones_on_blocks_and_axes() -> None:
    def mixed(x: Any, scales: Any, zero_points: Any) -> Any:
        return in_blocks(x, scales, zero_points, mixed=True)

    with pytest.raises(Deviation, match=r"by_blocks\(mixed, 32\)") as found:
        check_quantizer(by_blocks(mixed, 32), grids=rq.INT4, examples=12)
    assert found.value.rule == "R12"
    with pytest.raises(Deviation, match=r"one_axis\(quantize\)"):
        check_quantizer(one_axis(lambda x, scale, z, axis: plain_one(x, scale[::-1], z, axis)), grids=rq.INT8,
                        examples=12)
    with refused(ValueError, "by_blocks", "`size`"):
        by_blocks(mixed, 0)


def only_blocks_of_64(x: Any, params: rq.AffineParams) -> Any:
    assert x.shape[-1] % 64 == 0
    return rq.quantize(x, params)


def away_on_64(x: Any, params: rq.AffineParams) -> Any:
    v = only_blocks_of_64(x, params) * 0 + (x / params.scale).astype(np.float64)
    return rounded(np.trunc(v + np.copysign(0.5, v)) + params.zero_point, params.grid)


def test_sizes_that_are_a_multiple() -> None:
    check_quantizer(only_blocks_of_64, multiple=64, examples=8)
    with pytest.raises(Deviation, match=r"np.resize\(np.array\(\[float.fromhex\('0x1p-1'\)\], np.float32\), \(64,\)\)"):
        check_quantizer(away_on_64, multiple=64, examples=8)


def by_shifts(x: Any, params: rq.AffineParams) -> Any:
    mantissa, exponent = np.frexp(params.scale)
    assert (mantissa == 0.5).all()
    return rounded(np.rint(np.ldexp(x, 1 - exponent)) + params.zero_point, params.grid)


def test_scales_that_are_powers_of_two() -> None:
    check_quantizer(by_shifts, scale_precision=1, examples=8)
    with pytest.raises(Deviation, match="raised AssertionError"):
        check_quantizer(by_shifts, scale_precision=2, grids=rq.INT4, examples=8)


def test_coarse_numbers() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2**32, 10_000, np.uint32).view(np.float32)
    for dtype, precision in ((np.float16, 11), (np.float32, 24)):
        narrow = x[(np.abs(x) > 1e-4) & (np.abs(x) < 6e4)]
        assert (coarse(narrow, precision) == narrow.astype(dtype)).all()
    assert isinstance(coarse(np.array(0.3), 8), np.ndarray), "an array without axes stays one"
    assert coarse(np.float32("inf"), 8) == np.inf and coarse(np.float64(1 + 2**-9), 8) == 1
    seen: list[Any] = []
    check_quantizer(lambda x, p: seen.append((x, p.scale)) or rq.quantize(x, p), data_precision=8, scale_precision=8,
                    examples=8)
    assert all((coarse(x, 8) == x).all() and (coarse(s, 8) == s).all() for x, s in seen)
    ordinary = [(x[np.isfinite(x)], s) for x, s in seen if np.frexp(s)[0].max() != 0.5 and s.size == 1]
    assert any((x / s % 1 == 0.5).any() for x, s in ordinary), "ties at such scales"


@pytest.mark.parametrize("name", ["multiple", "data_precision", "scale_precision"])
def test_options(name: str) -> None:
    with refused(ValueError, "check_quantizer", f"`{name}`", "0"):
        check_quantizer(rq.quantize, **{name: 0})
    with refused(TypeError, "check_quantizer", "`arrays` must be a function"):
        check_quantizer(rq.quantize, arrays="torch")  # type: ignore[arg-type]


def nearest_of_all(x: Any, params: rq.AffineParams) -> Any:
    v = np.clip(x / params.scale, params.grid.qmin, params.grid.qmax).astype(np.float64)
    return np.abs(v[..., None] - params.grid.values).argmin(axis=-1).astype(np.uint8)


def with_float32_middles(x: Any, params: rq.AffineParams) -> Any:
    values = params.grid.values
    return np.searchsorted(((values[1:] + values[:-1]) / 2).astype(np.float32), x / params.scale).astype(np.uint8)


def test_codebooks() -> None:
    check_quantizer(nearest_of_all, rq.dequantize, grids=rq.NF4, examples=12)
    with pytest.raises(Deviation, match="in a codebook to the lower") as found:
        check_quantizer(with_float32_middles, grids=rq.NF4, examples=12)
    assert found.value.rule == "R4" and "grid=NF4" in str(found.value)


def test_float_grids() -> None:
    def by_reciprocal(x: Any, params: rq.AffineParams) -> Any:
        one = rq.AffineParams(scale=np.float32(1), zero_point=0, grid=params.grid)
        return rq.quantize(x * (1 / params.scale), one)

    def to_infinity(x: Any, params: rq.AffineParams) -> Any:
        return np.where(np.abs(x / params.scale) > 464, 0x7F, rq.quantize(x, params))

    check_quantizer(rq.quantize, rq.dequantize, grids=[rq.E4M3, rq.E5M2FNUZ, rq.E2M1], examples=10)
    with pytest.raises(Deviation, match=r"grid=E4M3\)\)[^$]*division=reciprocal"):
        check_quantizer(by_reciprocal, grids=rq.E4M3, examples=12)
    check_quantizer(by_reciprocal, grids=rq.E4M3, examples=5, division=reciprocal)
    with pytest.raises(Deviation) as found:
        check_quantizer(to_infinity, grids=rq.E4M3, examples=8)
    assert found.value.rule == "R6"


def by_a_large_constant(x: Any, params: rq.AffineParams) -> Any:
    """x / scale + 1.5 * 2**23, whose lowest bits are the integer; between -2**24 * 1.5 and -2**23 * 1.5 it is wrong."""
    bits = (x * (np.float32(1) / params.scale) + np.float32(1.5 * 2**23)).astype(np.float32).view(np.int32)
    return rounded(bits - np.int32(0x4B400000) + params.zero_point, params.grid)


def test_what_is_wrong_between_two_powers_of_two_alone() -> None:
    with pytest.raises(Deviation, match="expected   -128\ngot        127"):
        check_quantizer(by_a_large_constant, grids=rq.INT8, division=reciprocal, examples=12)
    assert identify(by_a_large_constant).conventions == ()


class Tensor:
    """As little of a tensor as a test needs."""

    def __init__(self, a: Any) -> None:
        self.a, self.shape, self.dtype = np.array(a), a.shape, a.dtype

    def detach(self) -> Any:
        return self.a

    def __truediv__(self, other: "Tensor") -> "Tensor":
        return Tensor(self.a / other.a)


def test_other_arrays_go_in_and_come_back() -> None:
    def mine(x: Tensor, params: Any) -> Tensor:
        assert type(x) is type(params.scale) is type(params.zero_point) is Tensor
        return Tensor(rounded(np.rint((x / params.scale).a) + params.zero_point.a, params.grid))

    check_quantizer(mine, arrays=Tensor, examples=8)
    check_quantizer(by_range(lambda x, lo, hi: by_ends(x, lo, hi)), grids=BITS8, arrays=np.array, examples=8)

    class Half:
        def __array__(self, *_: Any, **__: Any) -> Any:
            raise TypeError("unsupported ScalarType BFloat16")

        def float(self) -> Any:
            return np.float32([1.5])

    assert plain(Half()).tolist() == [1.5]


def test_the_step_that_is_tried_is_one_that_it_takes() -> None:
    made = Made(None, None, scale_precision=8)  # type: ignore[arg-type]
    assert made.scale(0.1, rq.INT8, np.dtype("f")) == np.float32(0.10009765625)
    wide = made._replace(by_range=True, scale_precision=None)
    assert np.isfinite(wide.scale(1e38, rq.UINT16, np.dtype("f")) * np.float32(2**17))


def test_the_ends_of_a_range_are_in_the_scale_s_dtype() -> None:
    seen: set[Any] = set()
    for grid in (rq.INT8, rq.UINT16):
        check_quantizer(by_range(lambda x, lo, hi, grid=grid: seen.update([lo.dtype, hi.dtype]) or rq.quantize(
            x, rq.affine_params(lo, hi, grid))), grids=grid, examples=6)
    assert seen == {np.dtype("float32")}


@pytest.mark.parametrize("grid", [rq.UINT8, rq.INT4, rq.INT16], ids=repr)
def test_a_quantizer_by_range_is_identified(grid: rq.Grid) -> None:
    def by(lo: Any, hi: Any, v: Any) -> Any:
        scale = (hi - lo) / np.float32(grid.qmax - grid.qmin)
        return rounded(v(scale) + np.rint(grid.qmin - lo / scale), grid)

    own = identify(by_range(lambda x, lo, hi: by(lo, hi, lambda s: np.rint(x / s))), grid=grid)
    assert "    refquant's own\n" in str(own) or "This is refquant's own convention" in str(own)
    added = identify(by_range(lambda x, lo, hi: by(lo, hi, lambda s: np.floor(x / s + np.float32(0.5)))), grid=grid)
    assert "half_added" in added.named["rounding"]
    once = identify(by_range(lambda x, lo, hi: by(lo, hi, lambda s: np.rint(x * (1 / s)))), grid=grid)
    assert once.named["division"] == ("reciprocal",)


def test_the_answer_is_the_same_for_scale_and_range() -> None:
    """What is found of lo and hi is found of their scale, too, where ends are exact: as many as can be told apart."""
    def up(x: Any, lo: Any, hi: Any) -> Any:
        scale = (hi - lo) / np.float32(255)
        return rounded(np.floor((x / scale).astype(np.float64) + 0.5) + np.rint(-lo / scale), BITS8)

    by_scale = identify(lambda x, p: rounded(np.floor((x / p.scale).astype(np.float64) + 0.5) + p.zero_point, BITS8),
                        grid=BITS8)
    assert set(by_scale.conventions) <= set(identify(by_range(up), grid=BITS8).conventions)


def test_identify_takes_other_arrays_and_says_what_it_takes() -> None:
    assert identify(lambda x, p: rounded(np.rint((x / p.scale).a) + p.zero_point.a, p.grid),
                    arrays=Tensor).named["rounding"] == ("half_even",)
    with refused(TypeError, "identify", "must take (x, params)", "identify's other arguments"):
        identify(lambda x: x)  # type: ignore[misc, arg-type]


def test_blocks_and_ranges_of_other_arrays() -> None:
    def on_blocks(x: Tensor, scales: Tensor, zero_points: Tensor) -> Any:
        assert type(x) is type(scales) is type(zero_points) is Tensor
        return in_blocks(x.a, scales.a, zero_points.a)

    def on_ends(x: Tensor, lo: Tensor, hi: Tensor) -> Any:
        assert type(x) is type(lo) is type(hi) is Tensor
        return by_ends(x.a, lo.a, hi.a)

    check_quantizer(by_blocks(on_blocks, 32), grids=rq.INT4, arrays=Tensor, examples=6)
    check_quantizer(by_range(on_ends), grids=BITS8, arrays=Tensor, examples=6)
    with pytest.raises(Deviation, match=r"by_blocks\(on_blocks, 32\)\("):
        check_quantizer(by_blocks(on_blocks, 32), grids=rq.UINT8, arrays=Tensor, examples=6)


def test_scales_that_float16_holds() -> None:
    seen: list[Any] = []
    check_quantizer(lambda x, p: seen.append(p.scale) or rq.quantize(x, p), scale_precision=11, examples=30)
    assert all((scale.astype(np.float16) == scale).all() and (scale >= 2.0**-14).all() for scale in seen)

    def in_float16(x: Any, p: rq.AffineParams) -> Any:
        return rounded(np.rint(x / p.scale.astype(np.float16).astype(np.float32)) + p.zero_point, p.grid)

    check_quantizer(in_float16, grids=rq.INT8, scale_precision=11, examples=30)


@pytest.mark.conformance
def test_torch_tensors() -> None:
    torch = needs("torch", "conformance")

    def rounding_in_bfloat16(x: Any, p: Any) -> Any:
        return torch.clamp(torch.round(x.bfloat16() / p.scale.bfloat16()) + p.zero_point, -128, 127).to(torch.int8)

    def in_float32(x: Any, p: Any) -> Any:
        v = torch.round(x.bfloat16().float() / p.scale.bfloat16().float())
        return torch.clamp(v + p.zero_point, -128, 127).to(torch.int8)

    coarse_ones: dict[str, Any] = {"grids": rq.INT8, "arrays": torch.from_numpy, "data_precision": 8,
                                   "scale_precision": 8, "examples": 20}
    check_quantizer(in_float32, **coarse_ones)
    with pytest.raises(Deviation, match=r"R3[^$]*As it would be with division=in_bfloat16"):
        check_quantizer(rounding_in_bfloat16, **coarse_ones)
    check_quantizer(rounding_in_bfloat16, division=in_bfloat16, **coarse_ones)

    def per_tensor(x: Any, p: Any) -> Any:
        return torch.quantize_per_tensor(x, float(p.scale), int(p.zero_point), torch.qint8).int_repr()

    check_quantizer(per_tensor, grids=rq.INT8, per_tensor=True, arrays=torch.from_numpy, division=fused_reciprocal,
                    zero_point=before_rounding, examples=20)
    check_quantizer(lambda x, p: (x / p.scale).to(torch.float8_e4m3fn).view(torch.uint8), grids=rq.E4M3,
                    arrays=torch.from_numpy, examples=20)


@pytest.mark.conformance
def test_arrays_of_four_bits_are_codes() -> None:
    ml_dtypes = needs("ml_dtypes", "conformance")
    for grid, dtype in ((rq.INT4, ml_dtypes.int4), (rq.UINT4, ml_dtypes.uint4)):
        check_quantizer(lambda x, p, to=dtype: rq.quantize(x, p).astype(to), grids=grid, examples=10)
