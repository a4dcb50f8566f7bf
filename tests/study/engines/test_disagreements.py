import copy
import json
import math
import pickle
import re
import subprocess
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import refused
from hypothesis import example, given
from hypothesis import strategies as st

import refquant as rq
from refquant import arguments
from refquant.engines import choices
from refquant.engines.choices import before_rounding
from refquant.engines.conventions import Convention
from refquant.engines.exact import show
from refquant.engines.operators import OPERATORS, Operator, short
from refquant.engines.steps import sentence
from refquant.study.cli import main
from refquant.study.engines.cases import Case, Point, agreed, ask, exactly, outcome
from refquant.study.engines.figures import engines_around_ties
from refquant.study.engines.questions import QUESTIONS
from refquant.study.engines.ranges import Range, ask_range, ask_symmetric
from refquant.study.engines.table import (
    HEAD,
    VERSIONS,
    Answered,
    agreeing,
    ask_text,
    case_text,
    departures,
    grouped,
    page,
    save,
    staircases,
    table,
    to_json,
    to_markdown,
    to_text,
)
from refquant.study.explain.side_by_side import side_by_side

TABLE = table()
CASES = [(a.question.name, case) for a in TABLE for case in a.cases]
IDS = [f"{name}: {case.given}" for name, case in CASES]
ASKED = {"ties", "zero-point", "reciprocal", "fma", "divisor", "zero-in-range", "all-zero", "infinities", "nan",
         "requantize", "gradient"}
FAMILIES = ("ONNX Runtime QuantizeLinear", "ONNX Runtime DynamicQuantizeLinear", "ONNX Runtime QLinearMatMul",
            "torch.quantize_per_tensor", "torch.quantize_per_channel", "torch.fake_quantize_per_tensor_affine",
            "torch.fake_quantize_per_channel_affine", "torch observers", "torchao quantize_affine",
            "torchao symmetric", "torchao asymmetric", "LiteRT QUANTIZE, reference", "LiteRT FULLY_CONNECTED, ruy",
            "LiteRT QUANTIZE, XNNPACK", "gguf Q8_0", "gguf Q4_0", "gguf Q4_1", "gguf MXFP4", "gguf NVFP4", "torchao MX",
            "compressed-tensors NVFP4", "bitsandbytes FP4", "TensorFlow fake_quant")


# ---------------------------------------------------------------------------------------------- the table

def test_what_is_asked_is_there() -> None:
    names = [q.name for q in QUESTIONS]
    assert len(set(names)) == len(names) and set(names) >= ASKED
    assert all(r in rq.RULES for q in QUESTIONS for r in q.rules)


def test_every_engine_is_there_and_every_one_departs_somewhere() -> None:
    found = departures(TABLE)
    for family in FAMILIES:
        assert any(name.startswith(family) for name in found), family
    assert set(OPERATORS) <= set(found), "each quantizer that identify knows, and the blocks"
    agree = {"torchao MX FLOOR", "bitsandbytes NF4", "compressed-tensors NVFP4"}
    assert {name for name in found if not found[name]} <= agree


@pytest.mark.parametrize(("name", "case"), CASES, ids=IDS)
def test_somebody_departs_and_departing_is_giving_something_else(name: str, case: Case) -> None:
    assert case.departing and case.given and name
    for engine, each in case.engines.items():
        assert each.how and (engine in case.departing) == (each.gives != case.rule.gives)
    assert sorted([*agreeing(case), *case.departing]) == sorted(case.engines)
    assert sorted(e for _, _, engines in grouped(case) for e in engines) == sorted(case.departing)


def test_the_departures_are_the_known_ones() -> None:
    """Written by hand, from what each engine's documentation and source say."""
    def of(question: str) -> list[set[str]]:
        return [set(case.departing) for name, case in CASES if name == question]

    litert, gguf = "LiteRT QUANTIZE, reference", {"gguf Q8_0", "gguf Q4_0", "gguf Q4_0, FMA"}
    classic = {"torch.quantize_per_tensor", "torch.quantize_per_channel"}
    fake = {"torch.fake_quantize_per_tensor_affine", "torch.fake_quantize_per_channel_affine"}
    early = {"compressed-tensors quantize", "brevitas IntQuant", "keras quantize_with_zero_point",
             "ai-edge-quantizer uniform_quantize"}
    qwix, down, exported = "qwix quantize_with_scale_zero_point", "sentence-transformers quantize_embeddings", (
        "torch.export (PT2E) quantize_per_tensor")
    assert of("ties") == [{litert, *gguf}, {litert, "gguf Q8_0", down}]
    assert of("zero-point") == [{*classic, *early, qwix, down}]
    assert of("fma")[0] >= {"torch.quantize_per_tensor"}
    assert of("reciprocal") == [{*classic, *fake, *gguf, "torchao quantize_affine", "LiteRT QUANTIZE, XNNPACK", qwix,
                                 exported, "ONNX Runtime QuantizeLinear, precision=float16"}]
    assert of("infinities")[0] == {litert, "torch.fake_quantize_per_channel_affine", "onnx.reference QuantizeLinear"}
    on_int8 = {name for name, operator in OPERATORS.items() if rq.INT8 in operator.grids}
    assert of("nan")[0] == on_int8 - gguf - {down}
    assert of("float-ties") == [{"gguf FP4"}, {"microxcaling"}, {"microxcaling"}]
    assert of("float64") == [{"torch.Tensor.to, E4M3", "ml_dtypes astype, E4M3 and FNUZ"}]
    assert of("small-scales") == [{"torchao NVFP4"}] == of("block-reciprocal")
    assert of("scale-ties") == 2 * [{"gguf NVFP4"}]
    assert of("all-zero")[0] == {"torch observers, affine", "torchao asymmetric"}
    assert of("all-zero")[1] == {"torch observers, symmetric", "torchao symmetric", "torchao symmetric_no_clipping_err"}
    assert of("subnormal") == [{"LiteRT QUANTIZE, XNNPACK", qwix, down}]
    assert of("gradient") == 2 * [{"LSQ, as published (refquant.lsq)"}]


def test_the_divisors_are_127_and_a_half_and_128() -> None:
    case = next(case for name, case in CASES if name == "divisor")
    scales = {name: Fraction(given.gives.split()[1].rstrip(",")) for name, given in case.engines.items()}
    divisors = {name: round(float(Fraction("1.28") / scale), 3) for name, scale in scales.items()}
    assert divisors == {"torch observers, symmetric": 127.5, "torchao symmetric": 127.5,
                        "torchao symmetric_no_clipping_err": 128}
    assert round(1.28 / float(case.rule.gives.split()[1].rstrip(",")), 3) == 127


def test_it_is_computed_not_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "LiteRT QUANTIZE, reference"
    monkeypatch.setitem(OPERATORS, name, OPERATORS[name]._replace(function=lambda *_: [7]))
    with pytest.raises(RuntimeError, match=r"LiteRT QUANTIZE, reference gives 7, its steps 3: x / scale = 2\.5, a tie"):
        table(["ties"])
    monkeypatch.setitem(OPERATORS, name, OPERATORS["ONNX Runtime QuantizeLinear"]._replace(name=name))
    assert name in agreeing(table(["ties"])[0].cases[0])


@arguments.quiet
def scale_in_words(r: Range, how: str) -> Any:
    """The scale that the words lead to."""
    words, _, least = how.partition("; eps, the least scale, is ")
    quotients = [np.float32(a) / np.float32(b) for a, b in re.findall(r"(-?[\d.e+-]+|inf|nan),? / (-?[\d.]+)", words)]
    if "(hi/2 - lo/2)" in words:
        lo, hi, steps = min(r.lo, np.float32(0)), max(r.hi, np.float32(0)), np.float32((r.grid.qmax - r.grid.qmin) / 2)
        quotients = [max((hi / 2 - lo / 2) / steps, np.finfo(np.float32).tiny)]
    scale = np.float32(1) if "all is 0: scale 1" in words else max(quotients)
    return np.float32(np.float16(scale)) if "in float16" in words else max(scale, np.float32(least or -np.inf))


@pytest.mark.parametrize(("ask_ends", "r"), [
    *((ask_symmetric, Range(np.float32(lo), np.float32(hi), grid)) for lo, hi, grid in (
        (-1.28, 0.5, rq.INT8), (-0.5, 1.28, rq.INT4), (-1.5, 1.5, rq.UINT4), (0, 0, rq.INT8))),
    *((ask_range, Range(np.float32(lo), np.float32(hi), rq.UINT8)) for lo, hi in (
        (0, 0), (0, 1e-6), (0, 1e-45), (-3e38, 3e38), (0, np.inf), (0.5, 2.55)))])
def test_the_words_beside_a_scale_lead_to_it(ask_ends: Any, r: Range) -> None:
    case = ask_ends(r)
    for each in (case.rule, *case.engines.values()):
        if each.gives != "refused":
            assert np.float32(each.gives.split()[1].rstrip(",")) == scale_in_words(r, each.how), each


# ---------------------------------------------------------------------------------------------- the steps

@pytest.mark.slow
def test_each_operator_has_the_convention_of_its_record() -> None:
    """On decision points; and so the steps are those of the engines (Operator.steps compares the codes)."""
    rng = np.random.default_rng(0)
    for operator in OPERATORS.values():
        for _ in range(300):
            scale, z = np.float32(rng.choice([0.1, 0.3, 0.0235, 1, 3])), int(rng.integers(-128, 128))
            x = np.float32((rng.integers(-300, 300) / 2) * scale)
            x = np.nextafter(x, np.float32(rng.choice([-np.inf, np.inf]))) if rng.random() < 0.5 else x
            p = Point(np.float32(rng.choice([x, x, x, 3e9, 1e20, -1e20, np.inf])), scale, z)
            if outcome(operator, p) is not None:
                assert operator.steps(p.x, p.params)[-1].value == operator.convention.quantize(*p)


def test_steps_in_words() -> None:
    def said(x: float, scale: float = 1, z: int = 0, **convention: Any) -> tuple[int | None, str]:
        steps = Convention(**convention).steps(np.float32(x), np.float32(scale), z, rq.INT8)
        return steps[-1].value, sentence(steps)

    assert said(1.65, 0.3) == (5, "x / scale = 5.4999995 in float32, to the nearest 5")
    assert said(-2.5, rounding=choices.half_away) == (-3, "x / scale = -2.5, a tie: away from zero -3")
    assert said(300) == (127, "x / scale = 300; clipped to 127")
    assert said(np.inf, 1, -1, cast=choices.through_int32) == (
        127, "x / scale = inf; int32 does not hold it: -2**31; + -1 wraps to 2147483647; clipped to 127")
    assert said(np.inf, 1, -3, division=choices.reciprocal, cast=choices.sum_through_int64) == (
        -128, "x * (1 / scale) = inf; + -3 = inf; int64 does not hold it: -2**63; clipped to -128")
    assert said(1.5, 1, 1, division=choices.reciprocal, zero_point=choices.before_rounding) == (
        2, "x * (1 / scale) = 1.5, + 1 = 2.5, a tie: to the even 2")
    assert said(2.5, 1, 1, division=choices.fused_reciprocal, zero_point=choices.before_rounding) == (
        4, "x * (1 / scale) = 2.5, unrounded; + 1, rounded once, = 3.5, a tie: to the even 4")
    assert said(np.nan) == (None, "NaN has no code")
    assert said(np.nan, nan=choices.highest) == (127, "NaN is not looked for: qmax comes out")
    assert said(2.75, rounding=choices.toward_zero) == (2, "x / scale = 2.75, toward zero 2")
    assert said(0.49999997, rounding=choices.half_added) == (
        1, "x / scale = 0.49999997, as + 0.5 is rounded to float32: 1")
    assert said(130, 1, 5, cast=choices.wrapping) == (-121, "x / scale = 130; + 5 = 135; the lowest 8 bits are -121")


# ---------------------------------------------------------------------------------------------- a new operator

def truncated(x: Any, params: rq.AffineParams) -> Any:
    """An engine that nobody has: the fraction is dropped, and NaN refused."""
    if np.isnan(x).any():
        raise ValueError("no NaN")
    q = np.trunc(x / params.scale) + params.zero_point
    return np.clip(q, params.grid.qmin, params.grid.qmax).astype(params.grid.dtype)


@pytest.mark.slow
def test_a_new_operator_is_one_function_and_one_record(monkeypatch: pytest.MonkeyPatch,
                                                       capsys: pytest.CaptureFixture[str]) -> None:
    """Entered at run time, it stands in the disagreement table, in `explain --engine`, and in what identify says."""
    identify = pytest.importorskip("refquant.testing").identify
    name = "Mine QUANTIZE, version 1"
    assert name not in departures(table()) and name not in str(identify(truncated))
    monkeypatch.setitem(OPERATORS, name, Operator(
        name, "mine", truncated, Convention(rounding=choices.toward_zero), engine="mine"))

    asked = table()
    case = next(case for a in asked if a.question.name == "reciprocal" for case in a.cases)
    assert case.engines[name] == ("5", "x / scale = 5.4999995 in float32, to the nearest 5")
    assert [q.name for q in departures(asked)[name]] == ["zero-point", "fma", "subnormal", "offset-first"]
    assert "mine" in to_text(asked) and "mine" in to_markdown(asked) and name in to_json(asked)
    assert main(["engines", "--x", "2.75"]) == 0
    assert "2 (mine): x / scale = 2.75, toward zero 2" in capsys.readouterr().out

    assert main(["explain", "2.75", "--scale", "1", "--zero-point", "1", "--engine", "mine"]) == 0
    out = capsys.readouterr().out
    assert "round toward 0" in out and f"{name} gives 3, not 4: it drops the fraction (R4)." in out
    assert out == side_by_side("2.75", rq.AffineParams(scale=1.0, zero_point=1, grid=rq.INT8), ["mine"]) + "\n"

    assert f"As in: {name}." in str(identify(truncated))


def test_choices_of_ones_own_are_shown_by_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    def to_odd(v: Fraction) -> int:
        return math.floor(v) | 1

    monkeypatch.setitem(OPERATORS, "odd", Operator("odd", "odd", lambda x, _: np.floor(x).astype(int) | 1,
                                                   Convention(rounding=to_odd), engine="odd"))
    case = ask(Point(np.float32(2.5), np.float32(1), 0))
    assert case.engines["odd"] == ("3", "x / scale = 2.5; to odd: 3")
    text = side_by_side(2.5, rq.AffineParams(scale=1.0, zero_point=0, grid=rq.INT8), ["odd"])
    assert "odd gives 3, not 2: its rounding is to_odd (R4)." in text and "to odd" in text.splitlines()[4]


def test_a_choice_is_copied_as_a_function_is() -> None:
    convention = Convention(rounding=choices.half_away)
    assert copy.deepcopy(convention) == convention == pickle.loads(pickle.dumps(convention))
    assert choices.half_away.__name__ == "half_away" and "away from zero" in (choices.half_away.__doc__ or "")


def test_numbers_are_shown_so_that_they_can_be_typed_again() -> None:
    for v in (0.1, 1.65, 2.5, 1e-45, 3e38, -0.0235, 1e20, 123456.79):
        x = np.float32(v)
        assert np.float32(show(x)) == x and np.float32(exactly(x).split()[0]) == x
        if "(" in exactly(x):
            assert float.fromhex(exactly(x).split("(")[1].rstrip(")")) == float(x)
    assert (show(np.float32(np.inf)), exactly(np.float32(2.5))) == ("inf", "2.5")


@pytest.mark.parametrize(("name", "p"), [
    ("LiteRT QUANTIZE, reference", Point(np.float16(0.25), np.float16(0.1), 0)),
    ("gguf Q8_0", Point(np.float16(0.25), np.float16(0.1), 0)),
    ("gguf Q4_0", Point(np.float32(9), np.float32(1), 0)),  # beyond its codes
    ("gguf Q4_0, FMA", Point(np.float32(2), np.float32(1), 1)),  # no zero point
    ("gguf Q8_0", Point(np.float32(2), np.float32(1), 0, rq.UINT8)),
    ("LiteRT QUANTIZE, XNNPACK", Point(np.float32(1), np.float32(1e-40), 0)),
    ("torch.quantize_per_tensor", Point(np.float32(1), np.float32(1), 0, rq.INT16))])
def test_an_engine_without_the_operator_is_left_out(name: str, p: Point) -> None:
    assert outcome(OPERATORS[name], p) is None and name not in ask(p).engines


@given(st.integers(0, 2**32 - 1), st.integers(1, 0x7f7fffff), st.integers(-128, 127))
@example(0x7f800000, 0x7f167699, 0)  # inf, 2e38: XNNPACK flushes the reciprocal, and infinity times 0 is NaN
@example(1, 71362, 0)  # 1e-45, 1e-40: 1 / scale overflows in a block
@example(0xff7fffff, 0x7ec34f05, -51)  # a fake-quantized infinity means no code
def test_every_float_has_an_answer(x: int, scale: int, zero_point: int) -> None:
    value, step = np.array([x, scale], np.uint32).view(np.float32)
    if not np.isnan(value):
        assert ask(Point(value, step, zero_point)).rule.gives != "refused"


def test_what_is_shown_is_what_is_given() -> None:
    with pytest.raises(RuntimeError, match="an engine gives 3, its steps 4: so"):
        agreed("an engine", 3, 4, "so")


# ---------------------------------------------------------------------------------------------- in print

def test_the_text_fits_a_terminal_and_says_who_gives_what() -> None:
    text = to_text(TABLE)
    assert max(map(len, text.splitlines())) <= 112
    for name, case in CASES:
        assert name in text and case_text(case) in text
    own = text.split("By engine")[1].split("ties (R4)")[0]
    for name in departures(TABLE):
        assert name in own and (short(name) in own or short(name) == name.replace(",", ""))


def test_no_name_is_short_for_two_and_no_line_ends_within_one() -> None:
    names = [short(name) for name in departures(TABLE)]
    assert len(set(names)) == len(names) and not any("," in name for name in names)
    lines = [line.split() for line in to_text(TABLE).splitlines()]
    for words in [name.split() for name in names if " " in name]:
        assert not any(a[-i:] == words[:i] and b[:len(words) - i] == words[i:]
                       for a, b in pairwise(lines) for i in range(1, len(words)))


def test_the_versions_are_those_of_the_conformance_tests() -> None:
    pins = (Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8")
    assert all(f'"{name}=={v}"' in pins and f"{name} {v}" in HEAD for name, v in VERSIONS.items())


def test_the_markdown_has_a_row_for_each_input_and_all_who_depart() -> None:
    rows = [line for line in to_markdown(TABLE).splitlines() if line.startswith("| <b>")]
    assert len(rows) == len(CASES) and all(row.count(" | ") == 3 for row in rows)
    for row, (name, case) in zip(rows, CASES, strict=True):
        assert f"<b>{name}</b>" in row and f"<b>{case.rule.gives}</b>" in row and "*" not in row
        assert all(short(engine) in row and f"<b>{given.gives}</b>" in row for engine, given in case.departing.items())


def test_the_json_holds_every_answer() -> None:
    read = json.loads(to_json(TABLE))
    assert [q["question"] for q in read] == [q.name for q in QUESTIONS]
    assert [case["rule"]["gives"] for q in read for case in q["cases"]] == [case.rule.gives for _, case in CASES]
    for (_, case), found in zip(CASES, [case for q in read for case in q["cases"]], strict=True):
        assert {name for name, given in found["engines"].items() if given["departs"]} == set(case.departing)


def test_only_some() -> None:
    some = table(["nan", "ties"])
    assert [a.question.name for a in some] == ["ties", "nan"] and isinstance(some[0], Answered)
    assert "none of these" in to_text(table(["requantize"])).split("By engine")[1]


def test_the_staircases_are_the_engines_codes() -> None:
    for s, (x, scale, zero_point) in zip(staircases(2), ((2.5, 1, 0), (1.5, 1, 1), (1.65, 0.3, 0), (-10.95, 0.1, 100)),
                                         strict=True):
        assert s.ulps == (-2, -1, 0, 1, 2) and "the rule" in s.lanes[0].names
        middle = ask(Point(np.float32(x), np.float32(scale), zero_point))
        around = np.float32(x) + np.arange(-4, 5, dtype=np.float32) * np.spacing(np.float32(x))
        assert len(set(around)) == 9 and len(set(around.astype(np.float16))) == 1, "why float16 is not drawn"
        for names, codes, _ in s.lanes:
            assert all(b >= a for a, b in pairwise(codes)), "monotone"
            for name in names:
                given = middle.rule if name == "the rule" else middle.engines[name]
                assert int(given.gives) == codes[2]


def test_the_notes_say_why_a_step_is_beside_the_tie() -> None:
    notes = {(s.title.split(":")[0], lane.names): lane for s in staircases() for lane in s.lanes if lane.note}
    early = tuple(name for name, operator in OPERATORS.items() if operator.convention.zero_point is before_rounding)
    both = ("gguf Q4_0", "gguf Q4_0, FMA")
    assert {key[0]: key[1] for key in notes} == {"ties": both, "zero-point": early, "reciprocal": both[:1]}
    x, added = np.float32(2.5), np.float32(8.5)
    assert notes["ties", both].note == "+ 8.5 is rounded first: sums are 4 steps of x apart"
    assert np.spacing(x + added) == 4 * np.spacing(x)


def test_the_picture_names_every_engine_once_a_panel() -> None:
    drawn = engines_around_ties(staircases())
    for ax, panel in zip(drawn.axes, staircases(), strict=True):
        text = " ".join(t.get_text() for t in ax.texts).replace("\n", " ")
        names = [short(n) for lane in panel.lanes for n in lane.names]
        assert all(name in text for name in names) and len(set(names)) == len(names)
        assert not any(math.isnan(v) for line in ax.lines for v in np.ravel(line.get_ydata()))


# ---------------------------------------------------------------------------------------------- the command

@pytest.mark.slow
def test_the_command_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engines"]) == 0
    assert capsys.readouterr() == (to_text(TABLE) + "\n", "")
    assert main(["engines", "--markdown", "--only", "ties", "nan"]) == 0
    assert capsys.readouterr().out == to_markdown(table(["ties", "nan"])) + "\n"
    assert main(["engines", "--out", str(tmp_path / "new")]) == 0
    assert "Written: " in capsys.readouterr().out
    folder = tmp_path / "new"
    assert sorted(p.name for p in folder.iterdir()) == ["engines.json", "engines.md", "engines.png"]
    assert (folder / "engines.md").read_text(encoding="utf-8") == page(TABLE)
    assert page(TABLE).endswith(to_markdown(TABLE))
    assert (folder / "engines.png").read_bytes()[:4] == b"\x89PNG"
    assert [p.read_bytes() for p in save(TABLE, str(tmp_path))] == [(folder / n).read_bytes() for n in (
        "engines.md", "engines.json", "engines.png")], "the same again"


def test_the_questions_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engines", "--list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(QUESTIONS)


@pytest.mark.parametrize(("words", "x", "scale", "zero_point", "grid"), [
    (["--x", "2.5"], 2.5, 1, 0, rq.INT8), (["--x", "-1e30", "--zero-point", "-3"], -1e30, 1, -3, rq.INT8),
    (["--x", "0x1.8p-2", "--scale", "0.1", "--unsigned", "--zero-point", "200"], 0.375, 0.1, 200, rq.UINT8),
    (["--x=-inf"], -np.inf, 1, 0, rq.INT8)])
def test_ones_own_number(words: list[str], x: float, scale: float, zero_point: int, grid: rq.IntGrid,
                         capsys: pytest.CaptureFixture[str]) -> None:
    case = ask(Point(np.float32(x), np.float32(scale), zero_point, grid))
    assert main(["engines", *words]) == 0
    assert capsys.readouterr().out == case_text(case) + "\n"
    assert int(case.rule.gives) == int(rq.quantize(np.float32(x), rq.AffineParams(
        scale=np.float32(scale), zero_point=zero_point, grid=grid)))


@pytest.mark.parametrize(("words", "said"), [
    (["--only", "tie"], "did you mean ties?"), (["--only", "ties,,nan"], "got ''"),
    (["--x", "2.5", "--out", "folder"], "`--out` must stand without `--x`"),
    (["--x", "2.5", "--markdown"], "`--markdown` must stand without `--x`"),
    (["--scale", "3"], "`--scale` must stand with `--x`"), (["--acc", "3"], "`--acc` and `--m` must stand together"),
    (["--acc", "3", "--m", "1", "--x", "2"], "`--x` must stand without `--acc`"),
    (["--acc", "3.5", "--m", "1"], "`--acc` must be an integer"), (["--acc", "3", "--m", "2"], "from 2**-32 to 1"),
    (["--x", "abc"], "`--x` must be a number"), (["--x", "nan"], "`--x` must not be NaN"),
    (["--x", "1", "--scale", "0"], "`--scale` must be positive"), (["--x", "1", "--zero-point", "300"], "got '300'"),
    (["--x", "1", "--zero-point", "1.5"], "`--zero-point` must be a whole number"), (["--frobnicate"], "--frobnicate"),
    (["--out", __file__], "`--out` must be a folder"), (["--out", ""], "empty")])
def test_bad_input_is_one_line_and_status_2(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        status = main(["engines", *words])
    except SystemExit as end:
        status = int(end.code or 0)
    out, err = capsys.readouterr()
    assert status == 2 and out == "" and said in err and "Hint: " in err
    assert err.endswith("\n") and err.count("\n") == 1


def test_it_needs_neither_an_engine_nor_hypothesis() -> None:
    code = ("import sys\nfor name in ('torch', 'onnx', 'onnxruntime', 'ai_edge_litert', 'gguf', 'hypothesis'):\n"
            "    sys.modules[name] = None\nfrom refquant.study.cli import main\nsys.exit(main(['engines']))")
    end = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert end.returncode == 0 and end.stderr == "" and end.stdout == to_text(TABLE) + "\n"


def test_text_of_a_command_line() -> None:
    with refused(ValueError, "refquant engines", "`--x` must be a number"):
        ask_text("x", "1", "0")


def test_one_accumulator(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engines", "--acc", "-23", "--m", "0.5"]) == 0
    out = capsys.readouterr().out
    assert "the rule   -12: acc * mantissa * 2**(shift - 31) = -11.5, a tie: to the even -12" in out
    assert re.search(r"departs    -11 \(TFLM and CMSIS-NN with single rounding; FBGEMM\)", out)
    assert main(["engines", "--acc", "245", "--m", "0x1.8p-5"]) == 0
    assert re.search(r"departs    12 \(TFLM and CMSIS-NN with double rounding; gemmlowp", capsys.readouterr().out)
