"""The text column: readings of what `refquant compare --task text` records, the primary one of a sentence first."""

from __future__ import annotations

from .experiments.on_text import CAPITALS, GPTQ, LONGER, LSQ, USUAL
from .verdicts import MORE, SAME, Reading, Rule, Sentence, Where

SMOOTH = ("Xiao et al. 2022, arXiv:2211.10438", "https://arxiv.org/abs/2211.10438")
QUAROT = ("Ashkboos et al. 2024, arXiv:2404.00456", "https://arxiv.org/abs/2404.00456")
KIVI = ("Liu et al. 2024, arXiv:2402.02750", "https://arxiv.org/abs/2402.02750")
FLOAT = 32


def _at(method: str, weights: int = FLOAT, inputs: int = FLOAT, cache: int = FLOAT, outliers: int = 1) -> Where:
    return {"method": method, "weight_bits": weights, "activation_bits": inputs, "cache_bits": cache,
            "outliers": outliers}


def _text(id: str, says: str, more: Where, less: Where, *differ: str, rule: Rule = MORE, of: str = "text",
          control: tuple[Where, ...] = ()) -> Reading:
    return Reading(f"{id}.text", says, more, less, "bits_per_character", rule, differ, control, "text", of)


def _both(id: str, says: str, more: str, less: str, *differ: str,
          widths: tuple[tuple[int, int], ...] = ((4, 4), (8, 8), (3, 8), (2, 8))) -> tuple[Reading, ...]:
    """The same two methods at several widths of weights and inputs; 32 bits are float32 and not named."""
    return tuple(_text(f"{id}.W{w}A{a}", f"W{w}A{a}: {says}".replace("A32", "").replace("W32", ""), _at(more, w, a),
                       _at(less, w, a), *differ) for w, a in widths)


def _few(bits: int, seen: str) -> Reading:
    """Inputs alone, calibrated by few windows against by all of the training text."""
    few, every = ({"method": "static-mse", "activation_bits": bits, "data": data} for data in (seen, "all"))
    return _text(f"ptq-few-images.{seen[0]}.A{bits}", f"{seen} of 64 characters, A{bits}, least MSE: calibrated with "
                 "these against with all", few, every, "data", rule=SAME, of="text-data")


def _capitals(method: str, says: str, *differ: str, control: str = "") -> Reading:
    """What a method loses by text in capital letters, beyond what the control loses by it."""
    usual, such, *of_control = ({"method": name, "data": data} for name in (method, control) if name
                                for data in (USUAL, CAPITALS))
    return _text(f"qat-data.{method}{'.control' * bool(control)}", says, usual, such, *differ, "data",
                 of="text-data", control=tuple(of_control))


def _scratch(weights: int, inputs: int) -> Reading:
    first, last = ({"method": LSQ, "weight_bits": weights, "activation_bits": inputs, "start": start}
                   for start in ("from scratch", "in float"))
    return _text(f"qat-scratch.W{weights}A{inputs}", f"W{weights}A{inputs}: QAT in all steps, from scratch, against "
                 "QAT in the last sixth of them", first, last, "steps", "start", of="text-scratch")


WEIGHTS, INPUTS = tuple((bits, FLOAT) for bits in (4, 3, 2)), tuple((FLOAT, bits) for bits in (4, 8, 3))
#: Sentence -> its readings on text.
TEXT: dict[str, tuple[Reading, ...]] = {
    "ptq-degrades": tuple(
        _text(f"ptq-degrades.{method}.{w}", f"W{w}A{a}: float against {name} PTQ", _at("float"), _at(method, w, a),
              "quantization") for method, name in (("tensor-static", "min-max"), ("gptq-static-mse", "GPTQ"))
        for w, a in ((4, 4), (8, 8))),
    "ptq-few-images": tuple(_few(bits, seen) for seen in ("8 windows", "1 window") for bits in (4, 8)),
    "qat-data": (
        _capitals(LSQ, "W4A4, capital letters: the harm to QAT by training on such text, minus the harm to the "
                  "float network trained as long on it", "quantization", "training", "start", control=LONGER),
        _capitals(LONGER, "float32, capital letters: the harm by float training on such text in as many steps"),
        _capitals(GPTQ, "W4A4, capital letters: the harm to GPTQ by calibrating on such text")),
    "qat-scratch": (_scratch(4, 4), _scratch(2, 8)),
    "gptq-better": _both("gptq-better", "GPTQ against the nearest, both on ranges of least MSE", "gptq", "output-mse",
                         "rounding", widths=WEIGHTS),
    "qat-improves": (
        *_both("qat-improves", "QAT against GPTQ of the network trained as long, both from ranges of least MSE",
               "qat-lsq", "gptq-static-mse-longer", "training", "rounding", "start"),
        *_both("qat-improves.token", "QAT against GPTQ, with dynamic ranges for each token, of the network trained as "
               "long", "qat-lsq", "gptq-token-longer", "training", "rounding", "start", "input ranges",
               widths=((4, 4),))),
    "qat-steps": (
        _text("qat-steps.more.W4A4", "W4A4: QAT's gain by six times as many steps, minus that gain at 8 bits",
              _at("qat-lsq", 4, 4), _at("qat-lsq-sixth", 4, 4), "steps", "bits",
              control=(_at("qat-lsq", 8, 8), _at("qat-lsq-sixth", 8, 8))),
        *_both("qat-steps.all", "QAT in all steps against a sixth of them", "qat-lsq", "qat-lsq-sixth", "steps"),
        *_both("qat-steps.ptq", "GPTQ against QAT in a sixth of the steps", "gptq-static-mse", "qat-lsq-sixth",
               "training", "rounding", widths=((4, 4),)),
        *_both("qat-steps.token", "GPTQ with dynamic ranges, one for each token, against QAT in a sixth of the steps",
               "gptq-token", "qat-lsq-sixth", "training", "rounding", "input ranges", widths=((4, 4),))),
    "lsq-better": _both("lsq-better", "learned steps against straight-through, both from ranges of least MSE",
                        "qat-lsq", "qat-ste", "training"),
    "dynamic-accurate": (
        *_both("dynamic-accurate.MSE", "dynamic per token, by min-max, against one static range, by least MSE", "token",
               "static-mse", "input ranges", widths=INPUTS),
        *_both("dynamic-accurate.min-max", "dynamic per token against one static range, both by min-max", "token",
               "static", "input ranges", widths=INPUTS[:1]),
        *_both("dynamic-accurate.batch", "dynamic per batch, by min-max, against one static range, by least MSE",
               "batch", "static-mse", "input ranges", widths=INPUTS[:1])),
    "activations-harder": tuple(
        _text(f"activations-harder.{name}.4", f"4 bits, {how}: weights alone against activations alone",
              _at(weights, 4), _at(inputs, FLOAT, 4), "bits", "weight ranges", "input ranges")
        for name, how, weights, inputs in (
            ("least", "least MSE, per output and static", "output-mse", "static-mse"),
            ("min-max", "min-max, per tensor and dynamic per token", "tensor", "token"))),
    "channel-better": (
        *_both("channel-better.output", "per output against per tensor, both by min-max", "output", "tensor",
               "weight ranges", widths=WEIGHTS),
        *_both("channel-better.group", "in groups of 32 against per output, both by least MSE", "group-mse",
               "output-mse", "weight ranges", widths=WEIGHTS[:2])),
}
LANGUAGE = (
    Sentence(
        "outliers-hard", "Outliers make activations hard to quantize.", "text", (
            *(_text(f"outliers-hard.{method}.{factor}", f"A8, {says}: the model as trained against two channels made "
                    f"{factor} times larger", _at(method, inputs=8), _at(method, inputs=8, outliers=factor), "outliers")
              for factor, method, says in ((100, "static", "static"), (10, "static", "static"),
                                           (100, "token", "per token"))),
            _text("outliers-hard.smoothed.100", "A8, two channels made 100 times larger: after SmoothQuant against "
                  "without, both static", _at("static-smoothed", inputs=8, outliers=100),
                  _at("static", inputs=8, outliers=100), "equalization")),
        "The outliers were made: two channels of the residual stream are larger and the next matrix undoes it, so the "
        "function is the same. That is SmoothQuant run backwards, so SmoothQuant undoes it by construction. At 8 bits "
        "nothing is lost without them, so what is lost is theirs.",
        "In large language models such channels appear by training; at this size they do not.", (SMOOTH,)),
    Sentence(
        "rotation-helps", "Rotation helps whatever the input.", "text", (
            _text("rotation-helps.4", "A4, static: all inputs rotated against none", _at("static-rotated", inputs=4),
                  _at("static", inputs=4), "rotation"),
            _text("rotation-helps.relu", "A4, static: ReLU's output rotated against none",
                  _at("static-rotated-relu", inputs=4), _at("static", inputs=4), "rotation"),
            _text("rotation-helps.outliers", "A8 per token, two channels made 100 times larger: rotated against not",
                  _at("token-rotated", inputs=8, outliers=100), _at("token", inputs=8, outliers=100), "rotation")),
        "A rotation spreads an outlier channel over all of them. Of inputs with a mean, as ReLU's output, it makes an "
        "outlier: the channel that collects the mean. That is nearly all of the harm here.",
        "With outliers, yes; the papers rotate the residual stream, whose mean is near 0.", (QUAROT,)),
    Sentence(
        "cache-four-bits", "The key-value cache tolerates four bits.", "text", tuple(
            _text(f"cache-four-bits.{bits}", f"{bits} bits, a range for each token and head, against float",
                  _at("cache", cache=bits), _at("float"), "quantization", rule=SAME) for bits in (4, 8, 3)),
        "Keys and values are rounded as they enter the cache; everything else is float32. Ranges are by min-max.",
        "For large models 4 bits are usual, and 2 with care for the keys' outlier channels.", (KIVI,)),
)
