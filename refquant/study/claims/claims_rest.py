"""What is said of sides, granularity and formats."""

from __future__ import annotations

from .claims_ptq import KRISHNAMOORTHI
from .claims_ranges import SMOOTH
from .experiments.after_training import MSE, NAIVE
from .verdicts import DECIBELS, Reading, Rule, Sentence

KUZMIN = ("Kuzmin et al. 2022, arXiv:2208.09225", "https://arxiv.org/abs/2208.09225")
QLORA = ("Dettmers et al. 2023, arXiv:2305.14314", "https://arxiv.org/abs/2305.14314")
MISHRA = ("Mishra et al. 2025, arXiv:2506.08027", "https://arxiv.org/abs/2506.08027")
CHANNEL, BLOCK = "ptq-static-channel", "ptq-static-block-16"
HALF = Rule("size", 3.01, 1)  # decibels: half the mean square error


def _side(bits: int, method: str) -> Reading:
    name = "least MSE" if method == MSE else "min-max"
    weights, activations = ({"method": method, "bits": bits, "side": side} for side in ("weights", "activations"))
    return Reading(f"activations-harder.{name.split()[-1]}.{bits}",
                   f"{bits} bits, {name}: weights alone against activations alone", weights, activations,
                   differ=("bits",))


def _share(bits: int, method: str, than: str, says: str) -> Reading:
    return Reading(f"channel-better.{method.split('-')[2]}.{bits}", f"W{bits}A8, min-max: {says}",
                   {"method": method, "bits": bits}, {"method": than, "bits": bits}, differ=("weight ranges",))


def _format(id: str, better: str, than: str, says: str, rule: Rule = DECIBELS) -> Reading:
    return Reading(id, f"trained weights, {says}: {better} against {than}",
                   {"method": "weights", "format": better}, {"method": "weights", "format": than}, "weight_sqnr_db",
                   rule, ("format",))


REST = (
    Sentence(
        "activations-harder", "Activations are harder to quantize than weights.", "sides", (
            _side(4, MSE), _side(2, MSE), _side(2, NAIVE)),
        "Only one side was cut to few bits; the other kept 8, on text float32. It depends on the ranges: by least MSE, "
        "weights have one for each output and activations have a single one. With one range for a matrix and one for "
        "each token, weights are the harder side on text. Nothing here has outliers.",
        "In large language models outliers make activations the harder side. What is hard is the range, on whichever "
        "side it is wide.", (SMOOTH,)),
    Sentence(
        "channel-better", "A scale for each channel is better than one for the tensor.", "granularity", (
            *(_share(bits, CHANNEL, NAIVE, "per channel against per tensor") for bits in (4, 2)),
            _share(4, BLOCK, CHANNEL, "in blocks of 16 against per channel")),
        "The same rule sets the ranges; only how many weights share one differs. Smaller groups have smaller maxima, "
        "hence finer steps, and cost a scale each.",
        "Yes, and more: networks with channels of very different size (depthwise convolutions) work per channel only.",
        (KRISHNAMOORTHI,)),
    Sentence(
        "fp8-better", "FP8 is better than INT8.", "formats", (
            Reading("fp8-better.network", "8 bits, min-max PTQ: the network in E4M3 against INT8",
                    {"method": NAIVE, "format": "E4M3"}, {"method": NAIVE, "format": "INT8"},
                    differ=("bits", "format")),
            _format("fp8-better.weights", "E4M3", "INT8", "one scale a matrix")),
        "E4M3 has three bits of mantissa at every size, INT8 has equal steps. Values as near to a bell curve as "
        "trained weights are rounded better by INT8, but at 8 bits this network does not notice. E4M3 wins where few "
        "values are many times larger than the rest.",
        "It depends on outliers: INT8 was found better for most networks, FP8 for language models' activations.",
        (KUZMIN,)),
    Sentence(
        "nf4-halves", "NF4 halves the error of INT4.", "formats", (
            _format("nf4-halves.weights", "NF4", "INT4", "blocks of 64", HALF),),
        "Half the mean square error is 3 dB. NF4's values are the quantiles of a bell curve, each used equally often, "
        "which is not where the error is least.",
        "Its gain over INT4 for language models was reported in perplexity, not in error.", (QLORA,)),
    Sentence(
        "rceil-better", "RCEIL is better than floor for the scales of MX formats.", "formats", (
            _format("rceil-better.4", "MXFP4, RCEIL", "MXFP4, floor", "blocks of 32"),
            _format("rceil-better.8", "MXFP8, RCEIL", "MXFP8, floor", "blocks of 32")),
        "Floor lets the largest of a block saturate, RCEIL wastes part of the range. With 8 bits saturating costs "
        "more; with 4 the two are about equal.",
        "For 8 bits: it is the rule proposed for training in MXFP8.", (MISHRA,)),
)
