"""One value in several engines: the steps shown are those that lead to the engine's own code, and the reason holds."""

from typing import Any

import numpy as np
import pytest
from helpers import refused
from hypothesis import given
from hypothesis import strategies as st

import refquant as rq
from refquant.study.cli import main
from refquant.study.journeys import ENGINES, SAID, Way, side_by_side
from refquant.testing import strategies

WAYS = [way for ways in ENGINES.values() for way in ways]
each_way = pytest.mark.parametrize("way", WAYS, ids=[way.name for way in WAYS])


def step(scale: float, zero_point: int = 0, grid: rq.IntGrid = rq.INT8) -> rq.AffineParams:
    return rq.AffineParams(scale=np.float32(scale), zero_point=zero_point, grid=grid)


@st.composite
def values(draw: st.DrawFn) -> tuple[Any, rq.AffineParams]:
    """A decision point in float32 that is not NaN, and parameters of up to 16 bits."""
    params = draw(strategies.params(draw(strategies.grids(16)), (), np.dtype(np.float32)))
    params = step(float(params.scale), int(params.zero_point), params.grid)
    return draw(strategies.decision_points(params, (), np.dtype(np.float32)))[()], params


@each_way
@given(values())
def test_the_steps_end_at_the_engine_s_own_code(way: Way, case: tuple[Any, rq.AffineParams]) -> None:
    x, params = case
    try:
        code = int(way.codes(np.array([x]), params)[0])
    except ValueError:  # a grid or a scale that the engine does not take
        return
    with np.errstate(all="ignore"):
        if not np.isfinite((code - params.zero_point) * params.scale):  # no code follows from a fake-quantized infinity
            return
        assert min(max(way.steps(x, params)[-1][1], params.grid.qmin), params.grid.qmax) == code
        right = int(rq.quantize(x, params))
        if code != right:
            assert any(said in way.why(x, params, right) for said in SAID.values())


# ------------------------------------------------------------------------------ every departure, and nothing else

@pytest.mark.parametrize(("x", "params", "engines", "said"), [
    (2.5, step(1), ["litert"], ["LiteRT, reference gives 3, not 2: it rounds ties away from 0 (R4).",
                                "LiteRT, XNNPACK gives 2 too."]),
    (2.5, step(1, 1), ["pytorch"], ["PyTorch, per tensor gives 4, not 3: it adds the zero point before it rounds (R5).",
                                    "PyTorch, fake per tensor gives 3 too."]),
    ("3.9499998", step(0.1), ["torchao", "onnxruntime"],
     ["torchao gives 40, not 39: it multiplies by 1 / scale, rounded (R3).", "ONNX Runtime gives 39 too."]),
    ("inf", step(1, 3), ["litert", "pytorch"],
     ["LiteRT, reference gives -128, not 127: it casts to int32 before it clips, and what does not fit becomes",
      "PyTorch, fake per channel gives -128, not 127: it casts to int64"]),
    ("0x1p-127", step(2.0**-126), ["litert"], ["LiteRT, reference gives 1, not 0: it rounds ties away from 0 (R4)."]),
    ("0x1.8p-127", step(2.0**-126), ["litert"], ["LiteRT, XNNPACK gives 0, not 1: it multiplies by 1 / scale, rounded, "
                                                 "subnormal numbers being 0 (R3)."]),
    (1.0, step(1, 0, rq.INT4), ["litert"], ["LiteRT, XNNPACK does not take this: quantize_xnnpack: the grid must be"]),
])
def test_why_codes_differ(x: Any, params: rq.AffineParams, engines: list[str], said: list[str]) -> None:
    text = side_by_side(x, params, engines)
    assert [line for line in said if line not in text] == []


def test_a_reason_with_two_halves_names_both() -> None:
    text = side_by_side("3.9499998", step(0.1), ["pytorch"])
    assert ("PyTorch, per tensor gives 40, not 39: it multiplies by 1 / scale, rounded (R3), and it adds the zero "
            "point before it rounds (R5).") in text


def test_columns_align_and_come_in_blocks_with_the_rule_first() -> None:
    text = side_by_side(2.5, step(1, 1), list(ENGINES)).split("\n\n")
    assert len(text) == 2 + (len(WAYS) + 1) // 2 and all(block.startswith("refquant ") for block in text[1:-1])
    for block in text[1:-1]:
        lines = block.splitlines()
        assert len(lines) == 6 and max(map(len, lines)) <= 120


# ------------------------------------------------------------------------------ what is refused, and the command

def test_bad_input_is_refused() -> None:
    with refused(ValueError, "side_by_side: `engines` must hold known names", "'tflite'", "litert"):
        side_by_side(1.0, step(1), ["tflite"])
    with refused(ValueError, "side_by_side: `engines` must name one at least"):
        side_by_side(1.0, step(1), [])
    with refused(ValueError, "side_by_side: `params` must have at most 16 bits"):
        side_by_side(1.0, step(1, 0, rq.INT32), ["litert"])
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
