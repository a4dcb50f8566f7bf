import json
import math
import subprocess
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from helpers import refused
from hypothesis import example, given
from hypothesis import strategies as st

import refquant as rq
from refquant.engines.conventions import ENGINES
from refquant.study.cli import main
from refquant.study.engines.figures import engines_around_ties
from refquant.study.engines.names import SHORT, short
from refquant.study.engines.quantizers import BLOCKS, QUANTIZERS, answer, rule
from refquant.study.engines.questions import QUESTIONS, of_point
from refquant.study.engines.steps import Case, Point, Way, agreed, exactly, show, steps
from refquant.study.engines.table import (
    HEAD,
    VERSIONS,
    Answered,
    agreeing,
    departures,
    grouped,
    of_case,
    of_text,
    save,
    staircases,
    table,
    to_json,
    to_markdown,
    to_text,
)

TABLE = table()
CASES = [(a.question.name, case) for a in TABLE for case in a.cases]
IDS = [f"{name}: {case.given}" for name, case in CASES]
ASKED = {"ties", "zero-point", "reciprocal", "fma", "divisor", "zero-in-range", "all-zero", "infinities", "nan",
         "requantize", "gradient"}
FAMILIES = ("ONNX Runtime QuantizeLinear", "ONNX Runtime DynamicQuantizeLinear", "ONNX Runtime QLinearMatMul",
            "torch.quantize_per_tensor", "torch.quantize_per_channel", "torch.fake_quantize_per_tensor_affine",
            "torch.fake_quantize_per_channel_affine", "torch observers", "torchao quantize_affine",
            "torchao symmetric", "torchao asymmetric", "LiteRT QUANTIZE, reference", "LiteRT FULLY_CONNECTED, ruy",
            "LiteRT QUANTIZE, XNNPACK", "gguf Q8_0", "gguf Q4_0", "gguf Q4_1")


# ---------------------------------------------------------------------------------------------- the table

def test_what_is_asked_is_there() -> None:
    names = [q.name for q in QUESTIONS]
    assert len(set(names)) == len(names) and set(names) >= ASKED
    assert all(r in rq.RULES for q in QUESTIONS for r in q.rules)


def test_every_engine_is_there_and_every_one_departs_somewhere() -> None:
    found = departures(TABLE)
    for family in FAMILIES:
        assert any(name.startswith(family) for name in found), family
    assert set(ENGINES) | set(BLOCKS) <= set(found), "each quantizer that identify knows, and the blocks"
    assert all(found.values())


@pytest.mark.parametrize(("name", "case"), CASES, ids=IDS)
def test_somebody_departs_and_departing_is_giving_something_else(name: str, case: Case) -> None:
    assert case.departing and case.given and name
    for engine, told in case.engines.items():
        assert told.how and (engine in case.departing) == (told.gives != case.rule.gives)
    assert sorted([*agreeing(case), *case.departing]) == sorted(case.engines)
    assert sorted(e for _, _, engines in grouped(case) for e in engines) == sorted(case.departing)


def test_the_departures_are_the_known_ones() -> None:
    """Written by hand, from what each engine's documentation and source say."""
    def of(question: str) -> list[set[str]]:
        return [set(case.departing) for name, case in CASES if name == question]

    litert, gguf = "LiteRT QUANTIZE, reference", {"gguf Q8_0", "gguf Q4_0", "gguf Q4_1"}
    classic = {"torch.quantize_per_tensor", "torch.quantize_per_channel"}
    fake = {"torch.fake_quantize_per_tensor_affine", "torch.fake_quantize_per_channel_affine"}
    assert of("ties") == [{litert, *gguf}, {litert, "gguf Q8_0"}]
    assert of("zero-point") == [classic]
    assert of("fma") == [{"torch.quantize_per_tensor"}]
    assert of("reciprocal") == [{*classic, *fake, *gguf, "torchao quantize_affine", "LiteRT QUANTIZE, XNNPACK",
                                 "ONNX Runtime QuantizeLinear, precision=float16"}]
    assert of("infinities")[0] == {litert, "torch.fake_quantize_per_channel_affine"}
    assert of("nan")[0] == set(QUANTIZERS)
    assert of("all-zero")[0] == {"torch observers, affine", "torchao asymmetric"}
    assert of("all-zero")[1] == {"torch observers, symmetric", "torchao symmetric", "torchao symmetric_no_clipping_err"}
    assert of("subnormal") == [{"LiteRT QUANTIZE, XNNPACK"}]
    assert of("gradient") == 2 * [{"LSQ, as published (refquant.lsq)"}]


def test_the_divisors_are_127_and_a_half_and_128() -> None:
    case = next(case for name, case in CASES if name == "divisor")
    scales = {name: Fraction(told.gives.split()[1].rstrip(",")) for name, told in case.engines.items()}
    divisors = {name: round(float(Fraction("1.28") / scale), 3) for name, scale in scales.items()}
    assert divisors == {"torch observers, symmetric": 127.5, "torchao symmetric": 127.5,
                        "torchao symmetric_no_clipping_err": 128}
    assert round(1.28 / float(case.rule.gives.split()[1].rstrip(",")), 3) == 127


def test_it_is_computed_not_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = QUANTIZERS["LiteRT QUANTIZE, reference"]
    monkeypatch.setitem(QUANTIZERS, "LiteRT QUANTIZE, reference", engine._replace(code=lambda _: 7))
    with pytest.raises(RuntimeError, match="LiteRT QUANTIZE, reference gives 7, its steps"):
        table(["ties"])
    monkeypatch.setitem(QUANTIZERS, "LiteRT QUANTIZE, reference",
                        QUANTIZERS["ONNX Runtime QuantizeLinear"]._replace(way=Way()))
    assert "LiteRT QUANTIZE, reference" in agreeing(table(["ties"])[0].cases[0])


# ---------------------------------------------------------------------------------------------- the steps

def test_each_way_is_the_convention_that_identify_names() -> None:
    """On decision points; and so the steps told are those of the engines (`agreed` compares the codes)."""
    rng = np.random.default_rng(0)
    assert list(QUANTIZERS) == list(ENGINES)
    for name, convention in ENGINES.items():
        way = QUANTIZERS[name].way
        for _ in range(300):
            scale, z = np.float32(rng.choice([0.1, 0.3, 0.0235, 1, 3])), int(rng.integers(-128, 128))
            x = np.float32((rng.integers(-300, 300) / 2) * scale)
            x = np.nextafter(x, np.float32(rng.choice([-np.inf, np.inf]))) if rng.random() < 0.5 else x
            p = Point(np.float32(rng.choice([x, x, x, 3e9, 1e20, -1e20, np.inf])), scale, z)
            assert steps(way, p)[0] == convention.quantize(p.x, p.scale, z, rq.INT8), (name, p)
            answer(name, p)


def test_steps_in_words() -> None:
    def told(way: Way, x: float, scale: float = 1, zero_point: int = 0) -> tuple[int | None, str]:
        return steps(way, Point(np.float32(x), np.float32(scale), zero_point))

    assert told(Way(), 1.65, 0.3) == (5, "x / scale = 5.4999995 in float32, to the nearest 5")
    assert told(Way(away=True), -2.5) == (-3, "x / scale = -2.5, a tie: away from zero -3")
    assert told(Way(), 300) == (127, "x / scale = 300; saturates at 127")
    assert told(Way(cast=32, wraps=True), np.inf, 1, -1) == (
        127, "x / scale = inf; int32 does not hold it: -2**31; + -1 wraps to 2147483647; clipped to 127")
    assert told(Way("reciprocal", cast=64), np.inf, 1, -3) == (
        -128, "x * (1 / scale) = inf; + -3 = inf; int64 does not hold it: -2**63; clipped to -128")
    assert told(Way("reciprocal", before=True), 1.5, 1, 1) == (
        2, "x * (1 / scale) = 1.5, + 1 = 2.5, a tie: to the even 2")
    assert told(Way(), np.nan) == (None, "NaN has no code")


def test_numbers_are_told_so_that_they_can_be_typed_again() -> None:
    for v in (0.1, 1.65, 2.5, 1e-45, 3e38, -0.0235, 1e20, 123456.79):
        x = np.float32(v)
        assert np.float32(show(x)) == x and np.float32(exactly(x).split()[0]) == x
        if "(" in exactly(x):
            assert float.fromhex(exactly(x).split("(")[1].rstrip(")")) == float(x)
    assert (show(np.float32(np.inf)), exactly(np.float32(2.5))) == ("inf", "2.5")


def test_an_engine_without_the_operator_is_left_out() -> None:
    half = Point(np.float16(0.25), np.float16(0.1), 0)
    assert answer("LiteRT QUANTIZE, reference", half) is None and answer("gguf Q8_0", half) is None
    assert answer("gguf Q4_0", Point(np.float32(9), np.float32(1), 0)) is None, "beyond its codes"
    assert answer("gguf Q4_1", Point(np.float32(2), np.float32(1), 1)) is None, "no zero point"
    assert answer("LiteRT QUANTIZE, XNNPACK", Point(np.float32(1), np.float32(1e-40), 0)) is None
    assert answer("torch.quantize_per_tensor", Point(np.float32(1), np.float32(1), 0, rq.INT16)) is None


@given(st.integers(0, 2**32 - 1), st.integers(1, 0x7f7fffff), st.integers(-128, 127))
@example(0x7f800000, 0x7f167699, 0)  # inf, 2e38: XNNPACK flushes the reciprocal, and infinity times 0 is NaN
@example(1, 71362, 0)  # 1e-45, 1e-40: 1 / scale overflows in a block
@example(0xff7fffff, 0x7ec34f05, -51)  # a fake-quantized infinity means no code
def test_every_float_has_an_answer(x: int, scale: int, zero_point: int) -> None:
    value, step = np.array([x, scale], np.uint32).view(np.float32)
    if not np.isnan(value):
        assert of_point(Point(value, step, zero_point)).rule.gives != "refused"


def test_told_and_given_must_agree() -> None:
    with pytest.raises(RuntimeError, match="an engine gives 3, its steps 4: so"):
        agreed("an engine", 3, (4, "so"))
    assert rule(Point(np.float32(2.5), np.float32(1), 0))[0] == 2


# ---------------------------------------------------------------------------------------------- in print

def test_the_text_fits_a_terminal_and_says_who_gives_what() -> None:
    text = to_text(TABLE)
    assert max(map(len, text.splitlines())) <= 112
    for name, case in CASES:
        assert name in text and of_case(case) in text
    own = text.split("By engine")[1].split("ties (R4)")[0]
    for name in departures(TABLE):
        assert name in own and short(name) in own


def test_no_name_is_short_for_two_and_no_line_ends_within_one() -> None:
    names = [short(name) for name in departures(TABLE)]
    assert set(SHORT) <= set(departures(TABLE)) and len(set(names)) == len(names)
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
        assert all(short(engine) in row and f"<b>{told.gives}</b>" in row for engine, told in case.departing.items())


def test_the_json_holds_every_answer() -> None:
    read = json.loads(to_json(TABLE))
    assert [q["question"] for q in read] == [q.name for q in QUESTIONS]
    assert [case["rule"]["gives"] for q in read for case in q["cases"]] == [case.rule.gives for _, case in CASES]
    for (_, case), found in zip(CASES, [case for q in read for case in q["cases"]], strict=True):
        assert {name for name, told in found["engines"].items() if told["departs"]} == set(case.departing)


def test_only_some() -> None:
    some = table(["nan", "ties"])
    assert [a.question.name for a in some] == ["ties", "nan"] and isinstance(some[0], Answered)
    assert "none of these" in to_text(table(["requantize"])).split("By engine")[1]


def test_the_staircases_are_the_engines_codes() -> None:
    for s, (x, scale, zero_point) in zip(staircases(2), ((2.5, 1, 0), (1.5, 1, 1), (1.65, 0.3, 0), (-10.95, 0.1, 100)),
                                         strict=True):
        assert s.ulps == (-2, -1, 0, 1, 2) and "the rule" in s.lanes[0].names
        middle = of_point(Point(np.float32(x), np.float32(scale), zero_point))
        around = np.float32(x) + np.arange(-4, 5, dtype=np.float32) * np.spacing(np.float32(x))
        assert len(set(around)) == 9 and len(set(around.astype(np.float16))) == 1, "why float16 is not drawn"
        for names, codes, _ in s.lanes:
            assert all(b >= a for a, b in pairwise(codes)), "monotone"
            for name in names:
                told = middle.rule if name == "the rule" else middle.engines[name]
                assert int(told.gives) == codes[2]


def test_the_notes_say_why_a_step_is_beside_the_tie() -> None:
    notes = {(s.title.split(":")[0], lane.names): lane for s in staircases() for lane in s.lanes if lane.note}
    assert {key[0]: key[1] for key in notes} == {
        "ties": ("gguf Q4_0",), "zero-point": ("torch.quantize_per_tensor", "torch.quantize_per_channel"),
        "reciprocal": ("gguf Q4_0",)}
    x, added = np.float32(2.5), np.float32(8.5)
    assert notes["ties", ("gguf Q4_0",)].note == "+ 8.5 is rounded first: sums are 4 steps of x apart"
    assert np.spacing(x + added) == 4 * np.spacing(x)


def test_the_picture_names_every_engine_once_a_panel() -> None:
    drawn = engines_around_ties(staircases())
    for ax, panel in zip(drawn.axes, staircases(), strict=True):
        text = " ".join(t.get_text() for t in ax.texts).replace("\n", " ")
        names = [short(n) for lane in panel.lanes for n in lane.names]
        assert all(name in text for name in names) and len(set(names)) == len(names)
        assert not any(math.isnan(v) for line in ax.lines for v in np.ravel(line.get_ydata()))


# ---------------------------------------------------------------------------------------------- the command

def test_the_command_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engines"]) == 0
    assert capsys.readouterr() == (to_text(TABLE) + "\n", "")
    assert main(["engines", "--markdown", "--only", "ties", "nan"]) == 0
    assert capsys.readouterr().out == to_markdown(table(["ties", "nan"])) + "\n"
    assert main(["engines", "--out", str(tmp_path / "new")]) == 0
    assert "Written: " in capsys.readouterr().out
    folder = tmp_path / "new"
    assert sorted(p.name for p in folder.iterdir()) == ["engines.json", "engines.md", "engines.png"]
    assert (folder / "engines.md").read_text(encoding="utf-8") == to_markdown(TABLE)
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
    case = of_point(Point(np.float32(x), np.float32(scale), zero_point, grid))
    assert main(["engines", *words]) == 0
    assert capsys.readouterr().out == of_case(case) + "\n"
    assert int(case.rule.gives) == int(rq.quantize(np.float32(x), rq.AffineParams(
        scale=np.float32(scale), zero_point=zero_point, grid=grid)))


@pytest.mark.parametrize(("words", "said"), [
    (["--only", "tie"], "did you mean ties?"), (["--only", "ties,,nan"], "got ''"),
    (["--x", "2.5", "--out", "folder"], "`--out` must stand without `--x`"),
    (["--x", "2.5", "--markdown"], "`--markdown` must stand without `--x`"),
    (["--scale", "3"], "`--scale` must stand with `--x`"),
    (["--x", "abc"], "`--x` must be a number"), (["--x", "nan"], "`--x` must not be NaN"),
    (["--x", "1", "--scale", "0"], "`--scale` must be positive"), (["--x", "1", "--zero-point", "300"], "got 300"),
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
        of_text("x", "1", "0")
