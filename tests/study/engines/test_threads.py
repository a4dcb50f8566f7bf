"""Ten disagreements that people met, from public threads: what each engine gives, and why, as the commands print it."""

import re
from typing import NamedTuple

import pytest

from refquant.study.cli import main


class Row(NamedTuple):
    """thread: repository and number. command: what shows it. first, second: an engine and what it gives. why: says it.
    """

    thread: str
    command: str
    first: tuple[str, str]
    second: tuple[str, str]
    why: str


ROWS = [
    # 3e10 and 465 to E4M3: NaN in NumPy, 448 in ONNX Runtime
    Row("jax-ml/ml_dtypes#260", "explain 465 --scale 1 --grid E4M3 --engine ml_dtypes,onnxruntime",
        ("ml_dtypes astype, E4M3 and FNUZ", "NaN"), ("ONNX Runtime QuantizeLinear, float8", "448 (0x7E)"),
        "it overflows to NaN (R6)"),
    # a float64 beside a tie becomes the tie in float32
    Row("jax-ml/ml_dtypes#401", "explain -431.99999999999994 --scale 1 --grid E4M3 --dtype float64 --engine ml_dtypes",
        ("ml_dtypes astype, E4M3 and FNUZ", "-448 (0xFE)"), ("the rule", "-416 (0xFD)"),
        "it rounds float64 to float32 first (R3)"),
    # x / scale is 1.7499999, x * (1 / scale) a tie
    Row("arch-hdl-lang/arch-com#905", "explain 0.02392577938735485 --scale 0.013671875 --grid E2M1 --engine torchao",
        ("torchao NVFP4", "2 (0x4)"), ("the rule", "1.5 (0x3)"), "it multiplies by 1 / scale, rounded (R3)"),
    # "is there any difference between FP4 in this project and OCP FP4?"
    Row("bitsandbytes-foundation/bitsandbytes#851", "engines --format fp4 --x 6 0.5",
        ("bitsandbytes FP4", "scale 6: 6, 0.03125"), ("the rule", "scale 1: 6, 0.5"), "scale = max|x| = 6"),
    # block_amax = 150, E4M3: 126 by RCEIL, 127 by the ceil of OCP
    Row("pytorch/ao#2035", "engines --format mxfp8 --x 150",
        ("torchao MX CEIL", "scale 1: 144"), ("torchao MX RCEIL", "scale 0.5: 144"),
        "scale = 2**(ceil(log2 max|x|) - emax) = 1"),
    # "957 is quantized as 896": the floor of the exponent lets the largest values saturate
    Row("microsoft/microxcaling#4", "engines --format mxfp8 --x 957 959.5632",
        ("torchao MX RCEIL", "scale 4: 960, 960"), ("microxcaling", "scale 2: 896, 896"),
        "scale = 2**ceil(log2(max|x| / qmax)), the logarithm in float32 = 4"),
    # 211 * 71 + 171 * 107 = 33278
    Row("pytorch/pytorch#44939", "engines --only pairs",
        ("ONNX Runtime and FBGEMM without VNNI", "32767"), ("the rule", "33278"), "33278 saturates at int16"),
    # acc = 7984, multiplier 1583594044, shift -9: 11.499
    Row("tensorflow/tensorflow#25087", "engines --acc 7984 --m 0.0014402703927771654",
        ("TFLM and CMSIS-NN with double rounding; gemmlowp; LiteRT QUANTIZE of codes reference", "12"),
        ("TFLM and CMSIS-NN with single rounding; FBGEMM", "11"), "/ 512 = 11.5, a tie: away from zero 12"),
    # what int64 does not hold
    Row("pytorch/pytorch#154328", "explain inf --scale 1 --engine pytorch",
        ("torch.fake_quantize_per_channel_affine", "-128"), ("torch.fake_quantize_per_tensor_affine", "127"),
        "it casts to an integer before it clips"),
    # training rounds before it adds the zero point, the converted model after
    Row("pytorch/ao#1964", "explain 1.5 --scale 1 --zero-point 1 --engine pytorch",
        ("torch.quantize_per_tensor", "2"), ("torch.fake_quantize_per_tensor_affine", "3"),
        "it adds the zero point before it rounds (R5)"),
]


def printed(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What the command prints, in one line."""
    assert main(command.split()) == 0
    return " ".join(capsys.readouterr().out.split())


def given(command: str, text: str, engine: str) -> list[str]:
    """Every answer of an engine: of `explain` in its last lines, of `engines` case by case."""
    if command.startswith("explain"):
        own = re.findall(r" gives [^,]*, not ([^:]*):", text)
        said = re.findall(rf"{re.escape(engine)} gives (.*?)(?:, not | too\.)", text)
        return own if engine == "the rule" else said
    answers = []
    for rule, case in re.findall(r"the rule (.*?): (.*?)(?= the rule |$)", text):
        scale = re.match(r"scale .*", rule)
        rule = f"{rule}: {case.split(': ')[0]}" if scale else rule
        same = re.search(r"the same (.*?)(?= \* departs|$)", case)
        others = re.findall(r"\* departs (.*?) \(([^)]*)\): ", case)
        answers += [rule] if engine == "the rule" or (same and engine in same[1]) else []
        answers += [gives for gives, names in others if engine in names]
    return answers


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.thread)
def test_the_commands_print_the_answers_and_the_reason(row: Row, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(row.command, capsys)
    for engine, answer in (row.first, row.second):
        assert answer in given(row.command, text, engine), (engine, given(row.command, text, engine))
    assert row.first[1] != row.second[1] and row.why in text


def test_half_of_ten_are_on_floats_and_blocks() -> None:
    floats = [row for row in ROWS if "--grid E" in row.command or "--format" in row.command]
    assert len(ROWS) == 10 and len(floats) >= 5 and len({row.thread for row in ROWS}) == 10
    assert all(re.fullmatch(r"[\w.-]+/[\w.-]+#\d+", row.thread) for row in ROWS)
