"""One value in several engines: the steps shown are those that lead to the engine's own code, and the reason holds."""

import math
from typing import Any

import numpy as np
import pytest
from helpers import refused
from hypothesis import given
from hypothesis import strategies as st

import refquant as rq
from refquant.engines.operators import OPERATORS, Operator
from refquant.study.cli import main
from refquant.study.engines.cases import Point
from refquant.study.explain.side_by_side import engines, side_by_side, why
from refquant.testing import strategies

SHOWN = [operator for operators in engines().values() for operator in operators]
INTEGERS = [operator for operator in SHOWN if operator.grids[0].equal_steps]


def step(scale: float, zero_point: int = 0, grid: rq.IntGrid = rq.INT8) -> rq.AffineParams:
    return rq.AffineParams(scale=np.float32(scale), zero_point=zero_point, grid=grid)


def of(grid: rq.Grid, scale: float = 1) -> rq.AffineParams:
    return rq.AffineParams(scale=np.float32(scale), zero_point=0, grid=grid)


@st.composite
def values(draw: st.DrawFn) -> tuple[Any, rq.AffineParams]:
    """A decision point in float32 that is not NaN, and parameters of up to 16 bits."""
    params = draw(strategies.params(draw(strategies.integer_grids(16)), (), np.dtype(np.float32)))
    params = step(float(params.scale), int(params.zero_point), params.grid)
    return draw(strategies.decision_points(params, (), np.dtype(np.float32)))[()], params


@pytest.mark.slow
@pytest.mark.parametrize("operator", INTEGERS, ids=lambda operator: operator.name)
@given(values())
def test_the_steps_end_at_the_engine_s_own_code(operator: Operator, case: tuple[Any, rq.AffineParams]) -> None:
    x, params = case
    try:
        *_, before, last = operator.steps(x, params)  # which compares the codes
    except ValueError:  # a grid or a scale that the engine does not take, a fake-quantized infinity
        return
    if not math.isnan(before.value):  # 0 * infinity
        assert min(max(before.value, params.grid.qmin), params.grid.qmax) == last.value
    right = int(rq.quantize(x, params))
    if last.value != right:
        p, departs = Point(x, params.scale[()], int(params.zero_point), params.grid), operator.convention.departs
        assert any(words in why(operator.convention, p, right) for words in departs.values())


def test_every_engine_with_a_record_is_there() -> None:
    assert {operator.name for operator in SHOWN} | {"ONNX Runtime QuantizeLinear, precision=float16"} == set(OPERATORS)
    assert list(engines())[:6] == ["onnxruntime", "onnx", "pytorch", "torchao", "litert", "gguf"]
    assert {"compressed-tensors", "brevitas", "qwix", "faiss", "sentence-transformers", "ml_dtypes"} <= set(engines())


# ------------------------------------------------------------------------------ every departure, and nothing else

@pytest.mark.parametrize(("x", "params", "engine", "said"), [
    (2.5, step(1), "litert", "reference gives 3, not 2: it rounds ties away from 0 (R4)."),
    (2.5, step(1), "litert", "XNNPACK gives 2 too."),
    (2.5, step(1, 1), "pytorch", "quantize_per_tensor gives 4, not 3: it adds the zero point before it rounds (R5)."),
    (2.5, step(1, 1), "pytorch", "fake_quantize_per_tensor_affine gives 3 too."),
    (-10.95, step(0.1, 100), "pytorch", "torch.quantize_per_tensor gives -9, not -10: it multiplies by 1 / scale, "
     "rounded (R3)."),  # -109.5 + 100 is a tie too
    ("3.9499998", step(0.1), "torchao", "affine gives 40, not 39: it multiplies by 1 / scale, rounded (R3)."),
    ("3.9499998", step(0.1), "onnxruntime", "QuantizeLinear gives 39 too."),
    ("3.9499998", step(0.1), "pytorch", "torch.quantize_per_tensor gives 40, not 39: it multiplies by 1 / scale, "
     "rounded (R3), and it adds the zero point before it rounds (R5)."),
    ("inf", step(1, 3), "litert", "reference gives -128, not 127: it casts to an integer before it clips"),
    ("inf", step(1, 3), "pytorch", "fake_quantize_per_channel_affine gives -128, not 127: it casts to an integer"),
    ("0x1p-127", step(2.0**-126), "litert", "reference gives 1, not 0: it rounds ties away from 0 (R4)."),
    ("0x1.8p-127", step(2.0**-126), "litert", "XNNPACK gives 0, not 1: it multiplies by 1 / scale, rounded (R3)."),
    (1.0, step(1, 0, rq.INT4), "litert", "XNNPACK does not take this: quantize_xnnpack: the grid must be"),
    (2.5, step(1), "gguf", "gguf Q8_0 gives 3, not 2: it rounds ties away from 0 (R4)."),
    (2.5, step(1), "gguf", "gguf Q4_0 gives 3, not 2: it adds 8.5 in float32 and drops the fraction (R4), and it"),
    (2.5, step(1, 1), "brevitas", "brevitas IntQuant gives 4, not 3: it adds the zero point before it rounds (R5)."),
    (1.7, step(1, 100, rq.UINT8), "faiss", "gives 101, not 102: it rounds down (R4)"),
    (0.75, of(rq.E2M1), "gguf", "gguf FP4 gives 0.5 (0x1), not 1 (0x2): it rounds ties toward 0 (R4)."),
    (-0.1, of(rq.E2M1), "gguf", "gguf FP4 gives 0 (0x0), not -0 (0x8): it has no -0 (R6)."),
    (2.5, of(rq.E2M1), "microxcaling", "microxcaling gives 3 (0x5), not 2 (0x4): it rounds ties away from 0 (R4)."),
    (37.5, of(rq.E2M1, 15), "torchao", "gives 3 (0x5), not 2 (0x4): it multiplies by 1 / scale, rounded (R3)."),
    (480.0, of(rq.E4M3), "ml_dtypes", "astype, E4M3 and FNUZ gives NaN, not 448 (0x7E): it overflows to NaN (R6)."),
    (480.0, of(rq.E4M3), "onnxruntime", "E4M3, saturate=0 gives 448 (0x7E) too."),
    (485.0, of(rq.E4M3), "onnx", "saturate=0 gives NaN, not 448 (0x7E): it overflows to NaN (R6)."),
    ("inf", of(rq.E5M2), "pytorch", "E5M2 gives inf, not 57344 (0x7B): it overflows to infinity (R6)."),
])
def test_why_codes_differ(x: Any, params: rq.AffineParams, engine: str, said: str) -> None:
    assert said in side_by_side(x, params, [engine])


def test_columns_align_and_come_in_blocks_with_the_rule_first() -> None:
    shown = [operator for operator in INTEGERS if rq.INT8 in operator.grids and not operator.name.startswith("gguf")]
    text = side_by_side(2.5, step(1, 1), [name for name in engines() if name != "gguf"]).split("\n\n")
    assert len(text) == 2 + (len(shown) + 1) // 2 and all(block.startswith("refquant ") for block in text[1:-1])
    for block in text[1:-1]:
        lines = block.splitlines()
        assert len(lines) in (6, 7) and max(map(len, lines)) <= 130


# ------------------------------------------------------------------------------ what is refused, and the command

def test_bad_input_is_refused() -> None:
    for names in (["tflite"], []):
        with refused(ValueError, "`names` must hold engines that are known, one at least", names, "litert"):
            side_by_side(1.0, step(1), names)
    with refused(ValueError, "side_by_side: `params` must have at most 16 bits"):
        side_by_side(1.0, step(1, 0, rq.INT32), ["litert"])
    with refused(ValueError, "side_by_side: one of the engines must have the grid E4M3 and float32 data", "ml_dtypes"):
        side_by_side(1.0, rq.AffineParams(scale=1.0, zero_point=0, grid=rq.E4M3), ["litert"])
    with refused(TypeError, "side_by_side: `params` must be AffineParams"):
        side_by_side(1.0, 0.1, ["litert"])  # type: ignore[arg-type]
    with refused(ValueError, "quantize_linear", "`grid`"):
        side_by_side(1.0, step(1, 0, rq.IntGrid(8, narrow=True)), ["onnxruntime"])
    with refused(ValueError, "NaN"):
        side_by_side("nan", step(1), ["litert"])


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["explain", "2.5", "--scale", "1", "--zero-point", "1", "--engine"]
    assert main([*words, "litert,onnxruntime"]) == 0
    assert capsys.readouterr().out == side_by_side("2.5", step(1, 1), ["litert", "onnxruntime"]) + "\n"
    for bad, said in ((["litrt"], "did you mean litert?"), (["litert", "--dtype", "float64"], "`--engine` goes with")):
        assert main([*words, *bad]) == 2
        complaint = capsys.readouterr().err
        assert said in complaint and complaint.count("\n") == 1
