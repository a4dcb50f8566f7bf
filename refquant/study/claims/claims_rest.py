"""What is said of sides, granularity, gradients and optimisers."""

from __future__ import annotations

from functools import partial

from .claims_ptq import KRISHNAMOORTHI, QUANTIZED, TRAINED, WHITE_PAPER
from .claims_qat import ESSER
from .claims_ranges import SMOOTH
from .experiments.after_training import NAIVE
from .experiments.during_training import IN_FLOAT, LSQ, STE_MSE
from .experiments.static_dynamic import P99
from .figures import effects, lines
from .verdicts import Reading, Sentence

PACT = ("Choi et al. 2018, arXiv:1805.06085", "https://arxiv.org/abs/1805.06085")
CHANNEL, BLOCK = "ptq-static-channel", "ptq-static-block-16"

REST = (
    Sentence(
        "activations-harder", "Activations are harder to quantize than weights.", "sides", tuple(
            Reading(f"activations-harder.{bits}", f"{bits} bits, min-max: weights alone minus activations alone",
                    "accuracy", {"method": NAIVE, "bits": bits, "side": "weights"},
                    {"method": NAIVE, "bits": bits, "side": "activations"}, differ=("bits",)) for bits in (4, 3, 2)),
        "Only one side was cut to few bits, the other kept 8. On this network it is the weights that suffer: their "
        "largest sets the step of all, while activations, pixels and ReLUs, have no outliers.",
        "No: in large language models outliers make activations the harder side. What is hard is the range, on "
        "whichever side it is wide.", (SMOOTH,),
        partial(lines, x="bits", series="side", methods=(NAIVE,), xlabel="bits of that side (the other: 8)",
                title="Which side suffers"),
        "Accuracy with weights, activations or both at few bits"),
    Sentence(
        "channel-better", "A scale for each channel is better than one for the tensor.", "granularity", (
            *(Reading(f"channel-better.{bits}", f"W{bits}A8, min-max: per channel minus per tensor", "accuracy",
                      {"method": CHANNEL, "bits": bits}, {"method": NAIVE, "bits": bits}, on_top=bits != 4,
                      differ=("weight ranges",))
              for bits in (4, 3, 2)),
            *(Reading(f"channel-better.block.{bits}", f"W{bits}A8, min-max: in blocks of 16 minus per channel",
                      "accuracy", {"method": BLOCK, "bits": bits}, {"method": CHANNEL, "bits": bits}, on_top=bits == 2,
                      differ=("weight ranges",))
              for bits in (4, 3, 2))),
        "The same rule sets the ranges; only how many weights share one differs. Smaller groups have smaller maxima, "
        "hence finer steps, and cost a scale each.",
        "Yes, and more: networks with channels of very different size (depthwise convolutions) work per channel only.",
        (KRISHNAMOORTHI,),
        partial(lines, x="bits", xlabel="bits of weights (activations: 8)", title="How many weights share a scale"),
        "Accuracy per tensor, channel and block"),
    Sentence(
        "lsq-better", "Learned steps are better than straight-through estimation.", "qat", tuple(
            Reading(f"lsq-better.{bits}", f"W{bits}A{bits}, from ranges of least MSE: learned steps minus "
                    "straight-through", "accuracy", {"method": LSQ, "bits": bits}, {"method": STE_MSE, "bits": bits},
                    differ=TRAINED) for bits in (4, 3, 2)),
        "Both start from the same ranges. Straight-through training searches those of the weights anew at each step "
        "and keeps those of the inputs; learned steps are parameters that descend too. The fewer the codes, the more "
        "their places matter.",
        "Qualitatively: on ImageNet learned steps were reported to lead from 2 to 4 bits.", (ESSER, WHITE_PAPER),
        partial(lines, x="bits", methods=("float", STE_MSE, LSQ), xlabel="bits of weights and activations",
                title="Learned steps and straight-through, from the same ranges"),
        "Accuracy of learned steps and straight-through"),
    Sentence(
        "adam-better", "Adam trains quantized networks better than SGD.", "optimizers", tuple(
            Reading(f"adam-better.lsq.{bits}", f"W{bits}A{bits}, learned steps: Adam minus SGD", "accuracy",
                    {"bits": bits, "optimizer": "Adam"}, {"bits": bits, "optimizer": "SGD"}, differ=("optimizer",))
            for bits in (4, 3, 2)),
        "Plain SGD begins with steps of 0.1, Adam with 0.003, both falling along a cosine; neither was tuned for a "
        "width. The learned steps' gradients are scaled as published, which is made for SGD.",
        "Unknown: it depends on tuning. LSQ was published with SGD and momentum.", (ESSER,),
        partial(lines, x="bits", series="optimizer", xlabel="bits of weights and activations",
                title="Adam and SGD, learned steps"),
        "Accuracy of Adam and SGD"),
    Sentence(
        "qat-fits-grid", "QAT fits the weights to the grid: run in float, they are worse.", "qat", tuple(
            Reading(f"qat-fits-grid.{bits}", f"W{bits}A{bits}: the float network trained as long minus QAT's weights "
                    "run in float", "accuracy", {"method": "float-longer"}, {"method": IN_FLOAT, "bits": bits},
                    differ=TRAINED)
            for bits in (8, 4, 3, 2)),
        "The weights that QAT moves are kept in float while it trains; here they were run without any rounding, beside "
        "a float network trained as long. They serve the codes that they become, not themselves.",
        "Unknown: papers on QAT report the quantized network.", (ESSER,),
        partial(lines, x="bits", methods=("float-longer", LSQ, IN_FLOAT), xlabel="bits of weights and activations",
                title="QAT's weights, quantized and in float"),
        "Accuracy of QAT's weights in float"),
    Sentence(
        "only-lose", "Quantization can only lose accuracy.", "shifts", tuple(
            Reading(f"only-lose.{bits}", f"A{bits}, a hot pixel in 2 % of the images: float minus static, percentile "
                    "99", "accuracy", {"method": "float", "place": "a hot pixel in 2 %"},
                    {"method": P99, "bits": bits, "place": "a hot pixel in 2 %"}, differ=QUANTIZED)
            for bits in (8, 4)),
        "A static range cuts off what lies outside it. Where that is a fault of the sensor, the quantized network "
        "predicts such images better than the float one, although its logits are farther from the float ones.",
        "Qualitatively: clipping outliers of activations is a method of its own.", (PACT,),
        partial(effects, title="Float minus static, by percentile"), "Effects on images with a hot pixel"),
)
