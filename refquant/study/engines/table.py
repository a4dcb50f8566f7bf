"""`refquant engines`: which engine departs from which rule, on which input, and why. Computed when asked, never stored.

    table()         the questions with their cases
    to_text         for a terminal        to_markdown       two tables        page          with a picture on top
    to_json         for programs
    staircases()    codes around a tie, float by float, for the picture
    save            all of them as files
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from ...engines.choices import before_rounding, downward
from ...engines.exact import Scalar, show
from ...engines.operators import OPERATORS, short
from ...files import writable_folder
from ...grids import INT8, UINT8
from .. import results
from ..aligned import room
from ..numbers import parameters, read
from .cases import Case, Point, ask
from .encoders import ask_block
from .figures import engines_around_ties
from .questions import QUESTIONS, Question

WIDTH, NO_BREAK = 112, "\N{NO-BREAK SPACE}"
#: The engines whose formulas refquant.engines has, by the packages that its conformance tests install.
VERSIONS = {"onnxruntime": "1.32.0", "torch": "2.13.0", "torchao": "0.18.0", "ai-edge-litert": "2.3.0",
            "gguf": "0.19.0", "ml_dtypes": "0.6.0", "onnx": "1.23.2"}
#: Those of the environment of quantizers.
OTHERS = {"bitsandbytes": "0.50.2", "compressed-tensors": "0.20.1", "brevitas": "0.13.4", "keras": "3.15.1",
          "ai-edge-quantizer": "0.10.0", "qwix": "0.1.8", "faiss-cpu": "1.15.1"}
HEAD = ("The rule is refquant's: code = clip(round(x / scale) + zero_point, qmin, qmax), in float32, ties to the "
        "even integer, of floats to the even code; the rules R2 to R18 stand in refquant.RULES. An engine departs "
        "where it gives something else. What an engine gives is computed by its formula in refquant.engines, proven "
        "on x86-64 against " + ", ".join(f"{name} {version}" for name, version in {**VERSIONS, **OTHERS}.items())
        + "; microxcaling, sentence-transformers, TensorFlow and ggml's C encoders were run once and recorded.")
NOTE = ("An engine that is not named was not asked: it has no such operator, or does not take this input; gguf's "
        "blocks have no zero point and are asked at 0. A decimal is the shortest that means the float32 (or float16) "
        "at hand; products called unrounded, and acc * m, are exact, to ten digits. Of floats the value is shown with "
        "its code; of a block its scale, and the reals that its codes mean; emax is floor(log2 qmax).")


class Answered(NamedTuple):
    """A question with its cases, computed."""

    question: Question
    cases: tuple[Case, ...]


def table(names: Iterable[str] = (), formats: Iterable[str] = ()) -> list[Answered]:
    """The questions of these names and on these formats, of none all; every answer computed here and now.

    >>> answered, = table(["zero-point"])
    >>> list(answered.cases[0].departing)[:2]
    ['torch.quantize_per_tensor', 'torch.quantize_per_channel']
    """
    asked, concerned = set(names), set(formats)
    return [Answered(q, tuple(q.cases())) for q in QUESTIONS
            if (not asked or q.name in asked) and (not concerned or concerned & set(q.formats))]


def grouped(case: Case) -> list[tuple[str, str, list[str]]]:
    """(gives, how, engines) of those that depart, each outcome once."""
    found: dict[tuple[str, str], list[str]] = {}
    for name, outcome in case.departing.items():
        found.setdefault(outcome, []).append(name)
    return [(gives, how, engines) for (gives, how), engines in found.items()]


def agreeing(case: Case) -> list[str]:
    """The engines that give what the rule gives."""
    return [name for name in case.engines if name not in case.departing]


def ask_text(x: str, scale: str, zero_point: str, unsigned: bool = False) -> Case:
    """What every engine makes of one number, from the words of a command line.

    >>> ask_text("2.5", "1", "1").rule.gives
    '3'

    Raises:
        ValueError: text that is no number, NaN, a scale or a zero point that AffineParams refuses.
    """
    params = parameters("engines", scale, zero_point, UINT8 if unsigned else INT8, "float32")
    value = read("refquant engines", "--x", x, np.dtype(np.float32))[1]
    return ask(Point(np.float32(value), np.float32(params.scale), int(params.zero_point), params.grid))


def block_text(x: Sequence[str], format: str) -> Case:
    """What every engine that has the format makes of a block, from the words of a command line.

    >>> block_text(["90", "37.5"], "nvfp4").rule.gives
    'scale 15: 90, 30'

    Raises:
        ValueError: text that is no number; as ask_block.
    """
    return ask_block(np.array([read("refquant engines", "--x", each, np.dtype(np.float32))[1] for each in x]), format)


# ---------------------------------------------------------------------------------------------- in words

def to_text(answered: Sequence[Answered]) -> str:
    """For a terminal."""
    parts = [f"{a.question.name} ({', '.join(a.question.rules)})  {a.question.asks}\n\n"
             + "\n\n".join(case_text(case) for case in a.cases) for a in answered]
    head, note = (textwrap.fill(text, min(WIDTH, room())) for text in (HEAD, NOTE))
    return "\n\n".join([head, "By engine: where it departs\n\n" + by_engine(answered), *parts, note])


def case_text(case: Case) -> str:
    """One input: the rule, the engines that agree, the engines that depart.

    >>> print(case_text(ask(Point(np.float32(1.5), np.float32(1), 1))))
      x = 1.5, scale = 1, zero point 1, int8
        the rule   3: x / scale = 1.5, a tie: to the even 2; + 1 = 3
        the same   ONNX Runtime, ONNX Runtime float16, onnx.reference, torch fake tensor, torch fake channel,
                   torch PT2E, torchao, LiteRT reference, LiteRT XNNPACK
      * departs    2 (torch tensor): x * (1 / scale) = 1.5, unrounded; + 1, rounded once, = 2.5, a tie: to the even
                   2
      * departs    2 (torch channel, qwix): x * (1 / scale) = 1.5, + 1 = 2.5, a tie: to the even 2
      * departs    2 (compressed-tensors, brevitas, keras, ai-edge-quantizer): x / scale = 1.5, + 1 = 2.5, a tie: to
                   the even 2
      * departs    2 (sentence-transformers): x - lo = 130.5, which takes the place of x; x / scale = 130.5, a tie:
                   down 130; + -128 = 2
    """
    same = agreeing(case)
    lines = [f"  {case.given}", *_lines("    the rule", f"{case.rule.gives}: {case.rule.how}")]
    lines += _lines("    the same", _listed(same)) if same else []
    for gives, how, engines in grouped(case):
        lines += _lines("  * departs", f"{gives} ({_listed(engines)}): {how}")
    return "\n".join(lines)


def _listed(names: Iterable[str], space: str = NO_BREAK) -> str:
    return ", ".join(short(name).replace(" ", space) for name in names)


def _lines(head: str, text: str, indent: int = 15) -> list[str]:
    """Wrapped, but not within a name; below the head where there is no room beside it."""
    width = min(WIDTH, room())
    first, indent = ([], indent) if width > indent + 30 else ([head.rstrip()], 6)
    lines = textwrap.wrap(text, width, initial_indent=" " * 6 if first else f"{head:<{indent}}",
                          subsequent_indent=indent * " ", break_on_hyphens=False)
    return [*first, *(line.replace(NO_BREAK, " ") for line in lines)]


def departures(answered: Sequence[Answered]) -> dict[str, list[Question]]:
    """Engine -> the questions on which it departs at some input."""
    found: dict[str, list[Question]] = {}
    for a in answered:
        for name in dict.fromkeys(name for case in a.cases for name in case.engines):
            found.setdefault(name, []).extend([a.question] * any(name in case.departing for case in a.cases))
    return found


def by_engine(answered: Sequence[Answered]) -> str:
    """A line for each operator: its name, its name in lists if that is shorter, where it departs from which rule."""
    return "\n".join(line for name, where in _departs(answered) for line in _lines(
        f"  {name:<48}{_other(name):<22}", where, 72))


def _other(name: str) -> str:
    """The short name, where it is more than the name without its commas."""
    return "" if short(name) == name.replace(",", "") else short(name)


def _departs(answered: Sequence[Answered]) -> list[tuple[str, str]]:
    return [(name, ", ".join(f"{q.name} {'/'.join(q.rules)}" for q in questions) or "none of these")
            for name, questions in departures(answered).items()]


def to_markdown(answered: Sequence[Answered]) -> str:
    """Two tables: a row for each engine, a row for each input."""
    rows = [_cell(HEAD), "", "| operator | short name | where it departs |", "|---|---|---|"]
    rows += [f"| {name} | {_other(name)} | {where} |" for name, where in _departs(answered)]
    rows += ["", "| question | input | the rule says | engines that depart, and why |", "|---|---|---|---|"]
    for a in answered:
        for i, case in enumerate(a.cases):
            others = [f"<b>{gives}</b> {_listed(engines, ' ')}: {how}" for gives, how, engines in grouped(case)]
            cells = (f"<b>{a.question.name}</b> {', '.join(a.question.rules)}" + f"<br>{a.question.asks}" * (i == 0),
                     case.given, f"<b>{case.rule.gives}</b> {case.rule.how}", "<br>".join(others))
            rows.append(f"| {' | '.join(map(_cell, cells))} |")
    return "\n".join([*rows, "", _cell(NOTE), ""])


def page(answered: Sequence[Answered]) -> str:
    """engines.md: what it shows, the picture, the tables."""
    departing = sum(bool(questions) for questions in departures(answered).values())
    summary = (f"{len(answered)} questions about rounding, scales, ranges, floats and blocks. {departing} of "
               f"{len(departures(answered))} operators of production engines depart from a rule on some input. The "
               "picture shows four ties: each lane is a group of engines that agree, and its step shows at which float "
               "the code goes up. Blue is the rule, orange departs. `refquant engines --out DIR` writes this page.")
    return f"# Where engines differ\n\n{summary}\n\n![codes around four ties](engines.png)\n\n{to_markdown(answered)}"


def _cell(text: str) -> str:
    """Stars and bars mean something else in Markdown."""
    return text.replace("**", "^").replace(" * ", " × ").replace("|", "\\|")


def to_json(answered: Sequence[Answered]) -> str:
    """Every answer, those too that agree."""
    return json.dumps([{"question": a.question.name, "asks": a.question.asks, "rules": a.question.rules, "cases": [
        {"given": case.given, "rule": case.rule._asdict(),
         "engines": {name: {**outcome._asdict(), "departs": name in case.departing}
                     for name, outcome in case.engines.items()}}
        for case in a.cases]} for a in answered], indent=1, ensure_ascii=False) + "\n"


# ---------------------------------------------------------------------------------------------- around a tie

class Lane(NamedTuple):
    """Engines that give the same codes, and a note on them."""

    names: tuple[str, ...]
    codes: tuple[int, ...]
    note: str


class Staircase(NamedTuple):
    """What each gives at the floats around a tie: lanes, the rule's first."""

    title: str
    ulps: tuple[int, ...]
    lanes: tuple[Lane, ...]


def staircases(reach: int = 4) -> list[Staircase]:
    """Codes at `reach` floats to either side of four ties.

    >>> [len(s.lanes) for s in staircases()]
    [3, 2, 3, 2]
    """
    ties = {"ties": (2.5, 1.0, 0), "zero-point": (1.5, 1.0, 1), "reciprocal": (1.65, 0.3, 0), "fma": (-10.95, 0.1, 100)}
    return [staircase(name, np.float32(x), np.float32(scale), zero_point, reach)
            for name, (x, scale, zero_point) in ties.items()]


def staircase(name: str, x: np.float32, scale: np.float32, zero_point: int, reach: int) -> Staircase:
    """Codes at x and at the floats beside it."""
    ulps = tuple(range(-reach, reach + 1))
    cases = [ask(Point(_beside(x, ulp), scale, zero_point)) for ulp in ulps]
    curves = {"the rule": tuple(int(case.rule.gives) for case in cases),
              **{engine: tuple(int(case.engines[engine].gives) for case in cases)
                 for engine in cases[0].engines if OPERATORS[engine].convention.rounding is not downward
                 and "float16" not in engine}}
    groups: dict[tuple[int, ...], list[str]] = {}
    for engine, codes in curves.items():
        groups.setdefault(codes, []).append(engine)
    return Staircase(f"{name}: x = {show(x)}, scale {show(scale)}, zero point {zero_point}", ulps, tuple(
        Lane(tuple(members), codes, _coarse(members, x, scale, zero_point)) for codes, members in groups.items()))


def _coarse(names: Sequence[str], x: Scalar, scale: Scalar, zero_point: int) -> str:
    """Why a step is floats away from the tie: a sum that is rounded first, to numbers farther apart than those of x."""
    added = {"gguf Q4_0": 8.5, "gguf Q4_0, FMA": 8.5, **{name: zero_point for name, operator in OPERATORS.items()
                                  if operator.convention.zero_point is before_rounding}}
    total = {float(x / scale) + added.get(name, 0) for name in names}
    apart = float(np.spacing(np.float32(abs(max(total))))) / float(np.spacing(abs(x)) / scale)
    coarse = len(total) == 1 and all(added.get(name) for name in names) and apart > 1
    return f"+ {show(added[names[0]])} is rounded first: sums are {apart:.2g} steps of x apart" if coarse else ""


def _beside(x: np.float32, ulps: int) -> np.float32:
    """The float `ulps` above x, or below."""
    for _ in range(abs(ulps)):
        x = np.nextafter(x, np.float32(np.inf if ulps > 0 else -np.inf))
    return x


def save(answered: Sequence[Answered], path: str, svg: bool = False) -> results.Written:
    """engines.md, engines.json and the picture, all or none; the picture as SVG, too, if that is asked."""
    picture = results.pictures("engines", {"engines.png": engines_around_ties(staircases())}, svg)
    return results.save("engines", writable_folder("refquant engines", path), {
        "engines.md": page(answered), "engines.json": to_json(answered), **picture})
