"""The checks of lesson 09 tell every kind of wrong answer from every other, and pass the right one."""

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refquant import INT8, AffineParams, mlp, static_params
from refquant.course.lesson_09 import engines
from refquant.course.lesson_09.checks import (
    BOXES,
    CONVENTIONS,
    ENGINES,
    LAYERS,
    MOST,
    PAIRS,
    boxes,
    code_of,
    decision_points,
    differing,
    probes,
)
from refquant.engines import litert, onnxruntime

TIES, ORDER, DIVISION = PAIRS
BELOW = 1.649999976158142  # the float32 below 5.5 * 0.3
RIGHT: dict[Any, Any] = {TIES: (-0.25, 0.5, 0), ORDER: (-0.25, 0.5, 1), DIVISION: (-BELOW, 0.3, 0)}
BOXED = {"A": ("division", "away", "before"), "B": ("reciprocal", "even", "after"), "C": ("reciprocal", "up", "before")}
FIVE = [(0.5, 1, 0), (-1.5, 1, 0), (-1.5000001, 1, 17), (1.55, 0.1, 0), (1.3, 0.1, 0)]


def test_right_answers_pass() -> None:
    assert differing(RIGHT).startswith("Right: ")
    assert boxes(BOXED).startswith("Right: ")
    assert probes(FIVE).startswith("Right: 5 probes")  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------------------- exercise 1

@pytest.mark.parametrize("answers", [{}, dict.fromkeys(PAIRS)])
def test_differing_not_answered(answers: Any) -> None:
    assert differing(answers) == "Not answered yet: give (x, scale, zero_point) for each pair."


@pytest.mark.parametrize(("pair", "answer", "said"), [
    (TIES, None, "no answer yet."),
    (TIES, 3, "give three numbers (x, scale, zero_point), not 3."),
    (TIES, (1, 2), "give three numbers (x, scale, zero_point), not (1, 2)."),
    (TIES, ("a", 1, 0), "give three numbers (x, scale, zero_point), not ('a', 1, 0)."),
    (TIES, (-np.inf, 0.5, 0), "x must be finite; infinities do not distinguish these conventions."),
    (TIES, (-1e39, 0.5, 0), "x must be finite"),  # in float32
    (TIES, (np.nan, 0.5, 0), "x must be finite"),
    (TIES, (-1, 0, 0), "a scale is a positive, normal number."),
    (TIES, (-1, -0.5, 0), "a scale is a positive"),
    (TIES, (-1, np.inf, 0), "a scale is a positive"),
    (TIES, (-1, 1e-39, 0), "a scale is a positive"),
    (TIES, (-1, 0.5, 128), "a zero point is one of the codes -128 to 127."),
    (TIES, (-1, 0.5, 0.5), "a zero point is one of the codes"),
    (TIES, (0.25, 0.5, 0), "section 1 shows this input, or one like it. Take a negative x"),
    (TIES, (-0.5, 1, 0), "section 1 shows this input"),
    (DIVISION, (-3.9499998, 0.1, 0), "section 1 shows this input"),
    (TIES, (-1e9, 0.5, 0), "the codes are -128 and -128, at an end of the grid."),
    (TIES, (-3e38, 0.5, 1), "the codes are -128 and -128, at an end of the grid."),
    (TIES, (-0.3, 0.5, 0), "both give -1. x / scale is -0.6, no tie; the nearest is -0.5."),
    (TIES, (-0.75, 0.5, 0), "both give -2. -1.5 is a tie, and its even neighbour is also the one away from zero."),
    (ORDER, (-0.3, 0.5, 1), "both give 0. x / scale is -0.6, no tie; the nearest is -0.5."),
    (ORDER, (-0.25, 0.5, 2), "both give 2. -0.5 is a tie, but 2 is even, and an even zero point leaves even integers"),
    (ORDER, (-BELOW, 0.3, 0), "the codes differ, -5 and -6, but for another reason: x / scale is -5.4999995, and "),
    (DIVISION, (-0.25, 0.5, 0), "both give 0. Divided or by the reciprocal, x / scale is -0.5. Try other scales."),
    (DIVISION, (-2.2, 0.3, 0), "both give -7. Divided -7.333333, by the reciprocal -7.3333335: they differ, but "),
])
def test_differing(pair: tuple[str, str], answer: Any, said: str) -> None:
    message = differing(RIGHT | {pair: answer})
    assert message.startswith(f"Not yet: {' | '.join(pair)}: {said}")


def test_a_tie_that_the_reciprocal_misses() -> None:
    for scale in np.float32([0.3, 0.0235, 0.7, 0.9]):
        for x in -(np.arange(100, dtype=np.float32) + np.float32(0.5)) * scale:
            true, quick = x / scale, x * (np.float32(1) / scale)
            if true % 1 == 0.5 != quick % 1 and code_of(ENGINES[ORDER[0]], x, scale, 1) == code_of(
                    ENGINES[ORDER[1]], x, scale, 1):
                message = differing(RIGHT | {ORDER: (float(x), float(scale), 1)})
                assert message.endswith(f"{float(true)} is a tie, but by the reciprocal it is {quick!s}. Take a scale "
                                        "that is a power of two.")
                return
    pytest.fail("no such number")


# ---------------------------------------------------------------------------------------------- exercise 2

@pytest.mark.parametrize("answers", [{}, {"A": None, "B": None, "C": None}])
def test_boxes_not_answered(answers: Any) -> None:
    assert boxes(answers) == "Not answered yet: give (division, ties, order) for each box."


@pytest.mark.parametrize("name", list(BOXES))
@pytest.mark.parametrize("words", list(CONVENTIONS))
def test_every_wrong_convention_is_shown_by_a_number(name: str, words: tuple[str, str, str]) -> None:
    message = boxes(BOXED | {name: words})
    if words == BOXED[name]:
        assert message.startswith("Right: ")
        return
    wrong = [mine for mine, right in zip(words, BOXED[name], strict=True) if mine != right]
    assert message.startswith(f"Not yet: box {name}: not {' and '.join(wrong)}. At x = ")
    x, scale, zero_point = (float(message.split(f"{key} ")[1].split(" the box")[0].rstrip(",").split(",")[0])
                            for key in ("x =", "scale =", "zero point"))
    box, yours = (int(f(x, scale, zero_point)) for f in (BOXES[name], CONVENTIONS[words]))
    assert box != yours
    assert message.endswith(f"the box gives {box}, and your convention {yours}.")


@pytest.mark.parametrize(("answers", "said"), [
    (BOXED | {"B": None}, "Not yet: box B: no answer yet."),
    (BOXED | {"B": 3}, "Not yet: box B: 3 is no convention."),
    (BOXED | {"B": [["even"], []]}, "Not yet: box B: [['even'], []] is no convention."),
    (BOXED | {"B": list(BOXED["B"])}, "Right: "),
    (BOXED | {"B": "even"}, "Not yet: box B: 'even' is no convention. Take one of division, reciprocal; one of even"),
    (BOXED | {"A": ("away", "division", "before")}, "Not yet: box A: ('away', 'division', 'before') is no convention."),
])
def test_boxes(answers: Any, said: str) -> None:
    assert boxes(answers).startswith(said)


# ---------------------------------------------------------------------------------------------- exercise 3

@pytest.mark.parametrize(("answer", "said"), [
    (None, "Not answered yet: give a list of (x, scale, zero_point)."),
    (3, "Not yet: a list of probes, each (x, scale, zero_point), is asked for; you give 3."),
    ([(1, 2)], "Not yet: a list of probes"),
    ([("a", 1, 0)], "Not yet: a list of probes"),
    ([(0.5, 1, 0)] * (MOST + 1), "Not yet: 7 probes. At most 6: leave out probes that distinguish no further pair."),
    ([(np.inf, 1, 0)], "Not yet: (inf, 1, 0): x must be finite"),
    ([(1, 0, 0)], "Not yet: (1, 0, 0): a scale is a positive, normal number."),
    ([(1, 1, 200)], "Not yet: (1, 1, 200): a zero point is one of the codes -128 to 127."),
    ([], "Not yet: 0 of the 120 pairs are distinguished."),
    ([(3e38, 1e-30, 0)], "Not yet: 0 of the 120 pairs are distinguished."),
])
def test_probes(answer: Any, said: str) -> None:
    assert probes(answer).startswith(said)


@pytest.mark.parametrize(("without", "said"), [
    (1, "where a tie goes: take ties of both signs, with an even and with an odd whole part."),
    (2, "when the zero point is added: at ties their codes differ, if the zero point is odd."),
    (3, "how they divide: take the float32 next to a tie, by a scale that is no power of two."),
    (4, "how they divide: take the float32 next to a whole number of steps, where cutting off decides, by a scale "),
])
def test_a_probe_that_is_missing_is_hinted_at(without: int, said: str) -> None:
    message = probes([probe for i, probe in enumerate(FIVE) if i != without])  # type: ignore[misc]
    assert f" They differ in {said}" in message


def test_hints_when_the_zero_point_is_added() -> None:
    without: list[Any] = [*FIVE[:2], *FIVE[3:]]  # the one whose sum float32 rounds
    assert "added: at ties their codes differ, if the sum has another sign than x" in probes([*without, (0.5, 1, 1)])
    assert "added: at ties their codes are equal, because both go up. But" in probes([*without, (-0.5, 1, 1)])
    assert "added: cutting off goes toward zero, and the zero point moves" in probes([*without, (1.4999999, 1, 18)])


def test_two_named_pairs_really_are_alike() -> None:
    message = probes([(0.5, 1, 0), (-1.5, 1, 0)])
    first, second = (tuple(words.split(", ")) for words in
                     message.split("is not: ")[1].split(". They")[0].split(" | "))
    for x in (0.5, -1.5):
        assert CONVENTIONS[first](x, 1, 0) == CONVENTIONS[second](x, 1, 0)  # type: ignore[index]


def test_random_numbers_do_not_distinguish_all() -> None:
    rng = np.random.default_rng(2)
    scale = rng.uniform(0.05, 1.5, 1_000_000)
    random = rng.standard_normal(scale.size) * 30 * scale, scale, rng.integers(-20, 20, scale.size)
    assert len({f(*random).tobytes() for f in CONVENTIONS.values()}) < len(CONVENTIONS)


# ---------------------------------------------------------------------------------------------- what is compared

def test_decision_points_distinguish_all_conventions() -> None:
    codes = {words: f(*decision_points()) for words, f in CONVENTIONS.items()}
    assert all(not np.array_equal(codes[a], codes[b]) for a, b in combinations(CONVENTIONS, 2))


def test_no_two_arithmetics_are_alike_and_all_are_near_the_exact_value() -> None:
    cases = ((21, 1, 0.5), (-23, 1, 0.5), (49, 5, 3 / 64), (-79, 16, 3 / 32), (117, 5, 0.0111111114))
    rows = set()
    for layer in LAYERS.values():
        codes = []
        for x, w, m in cases:
            scales = (0.052961245, 0.024093779, 0.11484328) if x == 117 else (m, 1, 1)
            at = [AffineParams(scale=np.float32(s), zero_point=0, grid=INT8) for s in scales]
            codes.append(int(layer(np.int8([[x]]), np.int8([[w]]), np.int32([0]), *at)[0, 0]))
            assert abs(codes[-1] - x * w * m) < 0.52
        rows.add(tuple(codes))
    assert len(rows) == len(LAYERS)


def test_zero_points_and_biases_count_in_every_layer() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.integers(-128, 128, (400, 30)).astype(np.int8), rng.integers(-128, 128, (50, 30)).astype(np.int8)
    bias = rng.integers(-9000, 9000, 50).astype(np.int32)
    at = [AffineParams(scale=np.float32(s), zero_point=z, grid=INT8) for s, z in ((0.3, -7), (0.1, 0), (23.5, 3))]
    m = float(at[0].scale) * float(at[1].scale) / float(at[2].scale)
    exact = ((x.astype(int) + 7) @ w.T.astype(int) + bias) * m + 3
    inside = (exact > -128) & (exact < 127)
    for layer in LAYERS.values():
        assert np.abs(layer(x, w, bias, *at) - exact)[inside].max() < 0.51


def test_xnnpack_is_onnx_runtime_s_product() -> None:
    rng = np.random.default_rng(1)
    x, w = rng.integers(-128, 128, (400, 30)).astype(np.int8), rng.integers(-128, 128, (50, 30)).astype(np.int8)
    at = [AffineParams(scale=np.float32(s), zero_point=z, grid=INT8) for s, z in ((0.0235, -7), (0.1, 0), (7.3, 3))]
    (s_x, z_x), (s_w, z_w), (s_y, z_y) = ((each.scale, each.zero_point.astype(np.int8)) for each in at)
    theirs = onnxruntime.qlinear_matmul(x, s_x, z_x, w.T, s_w, z_w, s_y, z_y)
    assert np.array_equal(theirs, LAYERS["LiteRT, XNNPACK"](x, w, None, *at))
    assert LAYERS["LiteRT, XNNPACK"] is litert.fully_connected_xnnpack


@pytest.mark.slow
def test_the_kit_says_what_the_lesson_prints() -> None:
    from refquant.engines.conventions import NAMED
    from refquant.testing import identify
    path = Path(__file__).resolve().parents[2] / "notebooks" / "09_same_model_other_engine.ipynb"
    cells = {cell["id"]: "".join(cell["source"]) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]}
    assert "for more than a thousand conventions" in cells["distinguished-read"]
    assert np.prod([len(each) for each in NAMED.values()]) > 1000
    for name, words in BOXED.items():
        found = identify(lambda x, params, f=BOXES[name]: f(x, params.scale, params.zero_point)).named
        said = "-".join(found[kind][0] for kind in ("division", "rounding", "zero_point"))
        assert said.replace("true_", "").replace("half_", "").replace("_rounding", "") == "-".join(words)


def test_what_is_refused_is_said() -> None:
    assert code_of(ENGINES["refquant"], np.nan, 1, 0) == "refused"
    assert code_of(ENGINES["ONNX Runtime"], np.nan, 1, 0) == -128


def test_stages_give_what_one_layer_after_another_gives_and_turning_points_turn() -> None:
    rng = np.random.default_rng(0)
    x = rng.random((40, 6), np.float32)
    net = mlp.ptq_static(mlp.init(rng, (6, 8, 3)), [x], weight_grid=INT8, activation_grid=INT8)
    steps = [*(layer.activation for layer in net.layers), static_params([mlp.forward_quantized(net, x)], INT8)]
    first, last = engines.stages(engines.LAYERS["refquant (R14)"], net, steps, x)
    assert first.dtype == last.dtype == np.int8 and first.min() >= steps[1].zero_point
    assert np.mean(last.argmax(axis=1) == mlp.forward_quantized(net, x).argmax(axis=1)) > 0.9
    t = engines.turning_points(lambda x: x[:, 0] > 0.3, np.float32([[0.0], [1.0], [1.0]]))
    assert np.allclose(t, 0.3, atol=1e-5) and t.shape == (2, 1)
