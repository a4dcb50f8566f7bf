"""check_quantizer passes what is right, names the rule of what is wrong, and shows a call that shows it."""

import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from helpers import needs, refused

import refquant as rq
from refquant.engines.choices import (
    before_rounding,
    fused_reciprocal,
    half_added,
    half_away,
    half_up,
    in_float64,
    reciprocal,
    through_int32,
    through_int64,
)
from refquant.testing import Deviation, check_quantizer, one_axis

HALF = np.float32(0.5)


def clipped(q: Any, params: rq.AffineParams) -> Any:
    return np.clip(q, params.grid.qmin, params.grid.qmax).astype(params.grid.dtype)


def right(x: Any, params: rq.AffineParams) -> Any:
    return clipped(np.rint(x / params.scale) + params.zero_point, params)


def through_wide_codes(x: Any, params: rq.AffineParams) -> Any:
    return np.clip(np.rint(x / params.scale) + params.zero_point, params.grid.qmin, params.grid.qmax).astype(np.int64)


def away(x: Any, params: rq.AffineParams) -> Any:
    v = (x / params.scale).astype(np.float64)
    return clipped(np.trunc(v + np.copysign(0.5, v)) + params.zero_point, params)


def up(x: Any, params: rq.AffineParams) -> Any:
    return clipped(np.floor((x / params.scale).astype(np.float64) + 0.5) + params.zero_point, params)


def cast_first(x: Any, params: rq.AffineParams) -> Any:
    with np.errstate(all="ignore"):
        return clipped(np.rint(x / params.scale).astype(np.int32) + params.zero_point, params)


def zero_point_first(x: Any, params: rq.AffineParams) -> Any:
    return clipped(np.rint(x / params.scale + params.zero_point.astype(x.dtype)), params)


def by_reciprocal(x: Any, params: rq.AffineParams) -> Any:
    return clipped(np.rint(x * (np.float32(1) / params.scale)) + params.zero_point, params)


def divided_in_float64(x: Any, params: rq.AffineParams) -> Any:
    return clipped(np.rint(x.astype(np.float64) / params.scale) + params.zero_point, params)


def never_lowest(x: Any, params: rq.AffineParams) -> Any:
    return np.maximum(right(x, params), params.grid.qmin + 1).astype(params.grid.dtype)


def first_scale_for_all(x: Any, params: rq.AffineParams) -> Any:
    one = rq.AffineParams(scale=params.scale.ravel()[0], zero_point=params.zero_point.ravel()[0], grid=params.grid)
    return right(x, one)


def in_place(x: Any, params: rq.AffineParams) -> Any:
    x /= params.scale
    return clipped(np.rint(x) + params.zero_point, params)


def as_floats(x: Any, params: rq.AffineParams) -> Any:
    return np.clip(np.rint(x / params.scale) + params.zero_point, params.grid.qmin, params.grid.qmax)


def flat(x: Any, params: rq.AffineParams) -> Any:
    return right(x, params).ravel()


def of_a_position(x: Any, params: rq.AffineParams) -> Any:
    q = right(x, params)
    q.ravel()[9:] = clipped(np.trunc(x / params.scale) + params.zero_point, params).ravel()[9:]
    return q


def failing(x: Any, params: rq.AffineParams) -> Any:
    if params.zero_point.any():
        raise RuntimeError(f"cannot quantize with zero point {params.zero_point}")
    return right(x, params)


def half_added_up(x: Any, params: rq.AffineParams) -> Any:
    return clipped(np.floor(x / params.scale + HALF) + params.zero_point, params)


def without_zero_point(x: Any, params: rq.AffineParams) -> Any:
    return clipped(np.rint(x / params.scale), params)


def for_int8(x: Any, params: rq.AffineParams) -> Any:
    return np.clip(np.rint(x / params.scale) + params.zero_point, -128, 127).astype(np.int8)


def per_tensor(x: Any, params: rq.AffineParams) -> Any:
    return clipped(np.rint(x / np.float32(params.scale.item())) + params.zero_point.item(), params)


def dequantized(q: Any, params: rq.AffineParams) -> Any:
    return (q.astype(np.int64) - params.zero_point).astype(params.scale.dtype) * params.scale


@pytest.mark.slow
@pytest.mark.parametrize("quantize", [right, through_wide_codes, rq.quantize])
def test_right_ones_pass(quantize: Callable[..., Any]) -> None:
    check_quantizer(quantize, dequantized, examples=60 if quantize is right else 10)
    check_quantizer(quantize, rq.dequantize, dtypes=["float64"], symmetric=True, examples=10)


WRONG: list[tuple[Callable[..., Any], str, str]] = [
    (away, "R4", "rounding=half_away"), (up, "R4", "As it would be with rounding=half_up."),
    (zero_point_first, "R5", "zero_point=before_rounding"), (cast_first, "R6", "cast=through_int32"),
    (by_reciprocal, "R3", "division=reciprocal"),
    (divided_in_float64, "R3", "division=in_float64"),
    (never_lowest, "R1", "-128, exactly\nexpected   -128\ngot        -127"),
    (first_scale_for_all, "R12", "at index (0, 1)"), (in_place, "R2", "What was passed in was written to"),
    (as_floats, "R1", "got        an array of float32"), (flat, "R12", "expected   shape (1, 2)"),
    (of_a_position, "R12", "at index ("), (failing, "R2", "raised RuntimeError: cannot quantize with zero point"),
    (half_added_up, "R4", "rounding=half_added"), (without_zero_point, "R2", "symmetric=True"),
    (per_tensor, "R12", "per_tensor=True"),
]


@cache
def deviation(quantize: Callable[..., Any]) -> Deviation:
    with pytest.raises(Deviation) as found:
        check_quantizer(quantize, examples=12)
    return found.value


@pytest.mark.parametrize(("quantize", "rule", "said"), WRONG, ids=[q.__name__ for q, _, _ in WRONG])
def test_wrong_ones_are_told_which_rule(quantize: Callable[..., Any], rule: str, said: str) -> None:
    assert deviation(quantize).rule == rule and said in str(deviation(quantize))


NO_CODES = (in_place, as_floats, flat, failing, per_tensor)


@pytest.mark.parametrize("quantize", [q for q, _, _ in WRONG if q not in NO_CODES], ids=lambda q: q.__name__)
def test_the_call_can_be_pasted(quantize: Callable[..., Any]) -> None:
    story = str(deviation(quantize))
    imports, call = story.split("\n\n")[1].strip().split("\n", 1)
    names: dict[str, Any] = {}
    exec(imports, names)
    got, expected = (eval(call.strip(), {**names, quantize.__name__: f}) for f in (quantize, rq.quantize))
    where = re.search(r"at index (\(.*\))", story)
    at = eval(where[1]) if where else 0
    assert got[at] != expected[at]
    assert f"expected   {expected[at]}\n" in story and f"got        {got[at]}" in story
    assert re.search(r"^x / scale  .*(exactly|rounds to)", story, re.MULTILINE)


@pytest.mark.parametrize(("quantize", "convention"), [
    (away, {"rounding": half_away}), (half_added_up, {"rounding": half_added}),
    (zero_point_first, {"zero_point": before_rounding}), (by_reciprocal, {"division": reciprocal}),
    (cast_first, {"cast": through_int32})])
def test_a_named_convention_is_held_to(quantize: Callable[..., Any], convention: dict[str, Any]) -> None:
    check_quantizer(quantize, **convention, examples=10)


@pytest.mark.parametrize(("convention", "rules"), [
    ({"rounding": half_up, "division": in_float64}, ("R3", "R4")), ({"cast": through_int64}, ("R6",))])
def test_what_is_right_otherwise_is_not_what_was_said(convention: dict[str, Any], rules: tuple[str, ...]) -> None:
    with pytest.raises(Deviation, match=r"^Not as said: .*=") as found:
        check_quantizer(right, **convention, examples=10)
    assert found.value.rule in rules


@pytest.mark.parametrize(("dequantize", "said"), [
    (lambda q, p: q * p.scale, "expected"), (lambda q, p: (q - p.zero_point).astype(np.int8) * p.scale, "got"),
    (lambda q, p: dequantized(q, p)[:1], "got        shape (1,)")])
def test_wrong_values_of_codes(dequantize: Callable[..., Any], said: str) -> None:
    with pytest.raises(Deviation, match=r"q - zero_point|result x's shape") as found:
        check_quantizer(right, dequantize, examples=8)
    assert found.value.rule in ("R2", "R12") and said in str(found.value)


@pytest.mark.slow
def test_what_is_tried_can_be_chosen() -> None:
    def only_int8(x: Any, params: rq.AffineParams) -> Any:
        assert params.grid == rq.INT8 and params.scale.shape == () and params.zero_point == 0
        return right(x, params)

    check_quantizer(only_int8, grids=[rq.INT8], per_tensor=True, symmetric=True, examples=15)
    check_quantizer(zero_point_first, symmetric=True, grids=[rq.INT4], examples=50)
    seen: set[int] = set()
    check_quantizer(lambda x, p: seen.add(p.grid.bits) or right(x, p), bits=4, examples=15)
    assert seen == {2, 3, 4}


def test_the_same_every_time_unless_asked() -> None:
    def tried(**options: Any) -> list[bytes]:
        seen: list[bytes] = []
        check_quantizer(lambda x, p: seen.append(x.tobytes()) or right(x, p), examples=5, **options)
        return seen

    assert tried() == tried() and tried(random=True) != tried(random=True)


@pytest.mark.slow
def test_an_adapter_for_one_axis() -> None:
    def per_channel(x: Any, scale: Any, zero_point: Any, axis: int) -> Any:
        assert scale.shape == zero_point.shape == (x.shape[axis],)
        shape = [-1 if i == axis else 1 for i in range(x.ndim)]
        return np.clip(np.rint(x / scale.reshape(shape)) + zero_point.reshape(shape), -128, 127).astype(np.int8)

    def backward(x: Any, scale: Any, zero_point: Any, axis: int) -> Any:
        return per_channel(x, scale[::-1], zero_point, axis)

    check_quantizer(one_axis(per_channel), grids=[rq.INT8], examples=15)
    with pytest.raises(Deviation, match="R12"):
        check_quantizer(one_axis(backward), grids=[rq.INT8], examples=15)
    with refused(ValueError, "one_axis", "one axis", "(2, 2)"):
        one_axis(per_channel)(np.zeros((2, 2)), rq.AffineParams(scale=np.ones((2, 2)), zero_point=0, grid=rq.INT8))


@pytest.mark.parametrize(("functions", "options", "name"), [
    ((None,), {}, "quantize"), ((right, "dequantize"), {}, "dequantize"),
    ((right,), {"rounding": "half_away"}, "rounding")])
def test_arguments(functions: Any, options: Any, name: str) -> None:
    with refused(TypeError, "check_quantizer", f"`{name}` must be a function", "one_axis", "conventions"):
        check_quantizer(*functions, **options)


def test_another_signature_is_no_deviation() -> None:
    with refused(TypeError, "check_quantizer", "must take (x, params)", "zero_point", "lambda x, p: yours(x, p.scale"):
        check_quantizer(lambda x, scale, zero_point: x / scale + zero_point)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(("options", "kind", "parts"), [
    ({"grids": []}, ValueError, ("`grids` must name one at least",)),
    ({"grids": [8]}, TypeError, ("`grid` must be a grid", "8")),
    ({"dtypes": ()}, ValueError, ("`dtypes` must name one at least",)),
    ({"bits": 40}, ValueError, ("`bits`", "from 2 to 32", "40")), ({"examples": 0}, ValueError, ("`examples`", "0"))])
def test_options(options: dict[str, Any], kind: type[Exception], parts: tuple[str, ...]) -> None:
    with refused(kind, "check_quantizer", *parts):
        check_quantizer(right, **options)


@pytest.mark.slow
def test_one_grid_needs_no_list() -> None:
    with pytest.raises(Deviation, match=r"grids=rq\.INT8, if yours is made for that"):
        check_quantizer(for_int8, grids=rq.INT4, examples=20)
    check_quantizer(for_int8, grids=rq.INT8, examples=10)


def nearest_value(x: Any, params: rq.AffineParams) -> Any:
    v = x / params.scale
    return params.grid.encode(np.clip(params.grid.round(v), params.grid.qmin, params.grid.qmax))


def ties_up(x: Any, params: rq.AffineParams) -> Any:
    v, values = x / params.scale, params.grid.values
    q = params.grid.encode(values[np.searchsorted((values[1:] + values[:-1]) / 2, v, side="right")])
    return np.where((params.grid.decode(q) == 0) & np.signbit(v), 0x80, q)


def to_nan(x: Any, params: rq.AffineParams) -> Any:
    return np.where(np.abs(x / params.scale) > 464, 0x7F, rq.quantize(x, params))


def no_minus_zero(x: Any, params: rq.AffineParams) -> Any:
    return rq.quantize(x + np.float32(0), params)


@pytest.mark.slow
@pytest.mark.parametrize("grid", [rq.E4M3, rq.NF4, rq.Codebook([-3, -1, 0.5])], ids=repr)
def test_values_are_held_to_the_rules(grid: rq.Grid) -> None:
    check_quantizer(nearest_value, rq.dequantize, grids=grid, examples=5)
    with pytest.raises(Deviation, match="R17 is broken"):
        check_quantizer(rq.quantize, lambda q, params: rq.dequantize(q, params) + 1, grids=grid, examples=5)


@pytest.mark.parametrize(("quantize", "rule", "said"), [
    (ties_up, "R4", "a tie to the even code"), (to_nan, "R6", "127 = 0x7F, no value"),
    (no_minus_zero, "R17", "expected   128 = 0x80, -0\ngot        0 = 0x00, 0"),
    (lambda x, params: rq.dequantize(rq.quantize(x, params), params), "R17", ".view(np.uint8)")])
def test_wrong_values_are_told_which_rule(quantize: Any, rule: str, said: str) -> None:
    with pytest.raises(Deviation) as found:
        check_quantizer(quantize, grids=[rq.E4M3], examples=12)
    assert found.value.rule == rule and said in str(found.value) and "import AffineParams, E4M3" in str(found.value)


def test_conventions_are_of_integers() -> None:
    with refused(ValueError, "check_quantizer", "other conventions are of integers", "half_away", "E4M3"):
        check_quantizer(nearest_value, grids=rq.E4M3, rounding=half_away)


@pytest.mark.conformance
def test_pytorch_by_its_own_convention() -> None:
    torch = needs("torch", "conformance")

    def quantized(x: Any, params: rq.AffineParams) -> Any:
        tensor = torch.from_numpy(x.copy())
        codes = torch.quantize_per_tensor(tensor, float(params.scale), int(params.zero_point), torch.qint8)
        return codes.int_repr().numpy()

    with pytest.raises(Deviation, match="zero_point=before_rounding"):
        check_quantizer(quantized, grids=[rq.INT8], per_tensor=True, examples=30)
    own = {"division": fused_reciprocal, "zero_point": before_rounding}
    check_quantizer(quantized, grids=[rq.INT8], per_tensor=True, examples=20, **own)


def test_without_hypothesis_the_import_names_the_extra() -> None:
    code = "import sys; sys.modules['hypothesis'] = None; import refquant.testing"
    end = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert end.returncode and "pip install 'refquant[test]'" in end.stderr
