"""What is said of quantization-aware training (QAT)."""

from __future__ import annotations

from functools import partial

from .claims_ptq import BRECQ, FLOAT, JACOB, TRAINED, TRAINED_OR_STRONG, WHITE_PAPER
from .experiments.after_training import MSE, NAIVE, STRONG
from .experiments.during_training import LSQ, MOVING, STE, STE_MSE
from .figures import bars, lines
from .verdicts import MORE_DB, MUCH_MORE_TIMES, UNFAIR, Reading, Sentence, Where

ESSER = ("Esser et al. 2020, arXiv:1902.08153", "https://arxiv.org/abs/1902.08153")
LLM_QAT = ("Liu et al. 2023, arXiv:2305.17888", "https://arxiv.org/abs/2305.17888")
QAT_OR_FLOAT = ("quantization", "training")
APPLE = ("Dremov et al. 2025, arXiv:2509.22935", "https://arxiv.org/abs/2509.22935")
#: QAT and PTQ on the same ranges, in what they differ, and how that is said.
PAIRS = (
    (STE, NAIVE, TRAINED, "straight-through QAT minus PTQ, both on min-max ranges"),
    (STE_MSE, MSE, TRAINED, "straight-through QAT minus PTQ, both on ranges of least MSE"),
    (LSQ, MSE, TRAINED, "QAT (learned steps) minus PTQ, both from ranges of least MSE"),
    (LSQ, STRONG, TRAINED_OR_STRONG, "QAT (learned steps) minus strong PTQ (AdaRound, corrected biases), both from "
     "ranges of least MSE"),
)


def _gains(longer: str, qat: str, ptq: str, differ: tuple[str, ...], says: str) -> tuple[Reading, ...]:
    """QAT's over PTQ of the same network, or of the longer one, at every width."""
    strong, name = ptq == STRONG, STRONG if ptq == STRONG else qat
    if longer:
        says, differ = says.replace(", both", " of the network trained as long, both"), (*differ, "start")
    return tuple(Reading(f"qat-improves.{longer}{name}.{bits}", f"W{bits}A{bits}: {says}", "accuracy",
                         {"method": qat, "bits": bits}, {"method": longer + ptq, "bits": bits}, differ=differ,
                         on_top=strong and bits in (8, 2) if longer else strong or bits in (4, 2))
                 for bits in (8, 4, 3, 2))


def _unlike(kind: str, *steps: str) -> tuple[Reading, ...]:
    """What QAT loses beyond float training, strong PTQ, and float training by data of that kind."""
    def sides(method: str, bits: int) -> tuple[Where, Where]:
        return {"method": method, "bits": bits, "data": "all"}, {"method": method, "bits": bits, "data": kind}

    id = f"qat-data.{kind.split()[0]}"
    return *(reading for bits in (4, 2) for reading in (
        Reading(f"{id}.{bits}.qat", f"W{bits}A{bits}, {kind}: QAT's loss by training on such data, minus the loss by "
                "float training on it in as many epochs", "accuracy", *sides(LSQ, bits),
                differ=("quantization", "training", *steps, "data"), control=sides("float-longer", bits)),
        Reading(f"{id}.{bits}.strong", f"W{bits}A{bits}, {kind}: strong PTQ's loss by calibrating on such data",
                "accuracy", *sides(STRONG, bits), on_top=bits == 4, differ=("data",)))), Reading(
        f"{id}.float", f"float32, {kind}: the loss by float training on such data in as many epochs", "accuracy",
        *sides("float-longer", 4), differ=(*steps, "data"))


QAT = (
    Sentence(
        "qat-accounts", "QAT accounts for the conversion during pre-training or fine-tuning.", "schedule", tuple(
            Reading(f"qat-accounts.{name}.{bits}", f"W{bits}A{bits}, {name}: the deployed network's logits are nearer "
                    "to the training pass's than to those of the float weights", "nearer_to_training_pass_db",
                    {"method": LSQ, "bits": bits, "qat_percent": percent}, rule=MORE_DB)
            for name, percent in (("fine-tuning", 33), ("pre-training", 100)) for bits in (3, 2)),
        "The pass that training optimises rounds as the deployed network will, so their logits agree to many decibels "
        "more than either agrees with the float weights underneath, whether QAT begins with trained weights or with "
        "random ones. That is what QAT means; whether it helps is the next sentence.",
        "Yes, if the engine computes what training simulated; engines differ in ties, reciprocals and zero points.",
        (JACOB,),
        partial(lines, x="qat_percent", value="nearer_to_training_pass_db", split="bits", methods=(LSQ,),
                xlabel="QAT's share of the epochs, %", title="Nearer to training than to its float weights"),
        "Decibels by which the deployed network is nearer to its training pass than to its float weights"),
    Sentence(
        "qat-improves", "QAT gives a better model than PTQ.", "qat", (
            *(reading for longer in ("", "longer-") for pair in PAIRS for reading in _gains(longer, *pair)),
            Reading("qat-improves.ste.2", "W2A2: straight-through QAT minus strong PTQ (AdaRound, corrected biases), "
                    "both on ranges of least MSE", "accuracy", {"method": STE_MSE, "bits": 2},
                    {"method": STRONG, "bits": 2}, differ=TRAINED_OR_STRONG),
            Reading("qat-improves.unfair.2", "W2A2, an unfair comparison: straight-through QAT on moving min-max "
                    "ranges per tensor minus strong PTQ on ranges of least MSE per channel", "accuracy",
                    {"method": MOVING, "bits": 2}, {"method": STRONG, "bits": 2}, UNFAIR, False,
                    ("weight ranges", "input ranges", *TRAINED_OR_STRONG))),
        "In a pair both sides have the same ranges, from the same images, so that training alone differs; strong PTQ "
        "has them too, and rounds by AdaRound and corrects biases instead. Beside plain min-max ranges any training "
        "looks good; better ranges leave less to win. The unfair comparison is an example and supports nothing: its "
        "two sides differ in their ranges, too, so it tells which ranges are better, not whether training helps.",
        "Qualitatively: below 4 bits papers report large gains by QAT, at 8 small ones or none; at 4 bits "
        "reconstruction (BRECQ) claims to match it. The sizes are this network's.", (WHITE_PAPER, BRECQ, ESSER),
        partial(lines, x="bits", xlabel="bits of weights and activations",
                methods=("float-longer", NAIVE, STE, MSE, STE_MSE, LSQ, STRONG),
                title="PTQ and QAT on the same ranges"),
        "Accuracy of pairs of PTQ and QAT, a colour for the ranges of each, from 8 to 2 bits"),
    Sentence(
        "qat-compute", "QAT needs much more compute than PTQ.", "cost", (
            Reading("qat-compute.naive", "naive PTQ: QAT's seconds over PTQ's", "seconds", {"method": STE},
                    {"method": NAIVE}, MUCH_MORE_TIMES, differ=TRAINED),
            Reading("qat-compute.strong", "strong PTQ: QAT's seconds over PTQ's", "seconds", {"method": LSQ},
                    {"method": STRONG}, MUCH_MORE_TIMES, differ=TRAINED_OR_STRONG),
            Reading("qat-compute.steps", "strong PTQ: QAT's gradient steps over PTQ's", "gradient_steps",
                    {"method": LSQ}, {"method": STRONG}, MUCH_MORE_TIMES, False, TRAINED_OR_STRONG)),
        "Seconds at W4A4, as in \"PTQ is much faster\". AdaRound takes more gradient steps than QAT, each of one layer "
        "on 256 images; so at this size the strongest PTQ is no cheaper, and needs no labels all the same.",
        "Against naive PTQ, and more. Against reconstruction the difference grows with the network: BRECQ reports a "
        "factor of 240.", (BRECQ, WHITE_PAPER),
        partial(bars, value="gradient_steps", methods=(NAIVE, STRONG, STE, LSQ, "float"),
                title="Gradient steps to a quantized network"),
        "Gradient steps that each method takes"),
    Sentence(
        "qat-steps", "QAT needs many steps of training.", "steps", (
            *(Reading(f"qat-compute.20.{bits}", f"W{bits}A{bits}: QAT in all steps minus in a thirtieth", "accuracy",
                      {"method": LSQ, "bits": bits, "of_usual": "1"}, {"method": LSQ, "bits": bits, "of_usual": "1/30"},
                      differ=("steps",))
              for bits in (3, 2)),
            *(Reading(f"qat-compute.ptq.{bits}", f"W{bits}A{bits}: strong PTQ minus QAT in a thirtieth of the steps",
                      "accuracy", {"method": STRONG, "bits": bits}, {"method": LSQ, "bits": bits, "of_usual": "1/30"},
                      differ=TRAINED_OR_STRONG)
              for bits in (3, 2)),
            Reading("qat-compute.more.2", "W2A2: QAT in ten thirds of the steps minus in all", "accuracy",
                    {"method": LSQ, "bits": 2, "of_usual": "10/3"}, {"method": LSQ, "bits": 2, "of_usual": "1"},
                    differ=("steps",))),
        "All steps means half the epochs of float training, a thirtieth one pass over the data. How much is left for "
        "the rest to win grows as the bits fall.",
        "Qualitatively. How much compute QAT should get is open: for language models its best share was found to grow "
        "with the whole budget.", (APPLE, WHITE_PAPER),
        partial(lines, x="steps", split="bits", xlabel="gradient steps of QAT (log scale)", log_x=True, zero="PTQ",
                title="Accuracy that gradient steps buy"),
        "Accuracy against gradient steps"),
    Sentence(
        "qat-slow", "QAT takes about as long as training did.", "cost", (
            Reading("qat-slow.lsq", "learned steps: QAT's seconds over the float training's", "seconds",
                    {"method": LSQ}, FLOAT, MUCH_MORE_TIMES._replace(kind="same"), differ=QAT_OR_FLOAT),
            Reading("qat-slow.steps", "learned steps: QAT's gradient steps over the float training's",
                    "gradient_steps", {"method": LSQ}, FLOAT, MUCH_MORE_TIMES._replace(kind="same"), False,
                    QAT_OR_FLOAT)),
        "Within a factor of two counts as about. QAT searches its first ranges; it has half the steps here, and each "
        "costs more: it rounds weights and activations and passes gradients around the rounding.",
        "The number of steps is a choice: for large networks a small share of the training is usual, which still is "
        "days.", (WHITE_PAPER, APPLE),
        partial(bars, value="seconds", methods=("float", STE, LSQ), title="Time of float training and of QAT, W4A4"),
        "Time that each takes"),
    Sentence(
        "qat-data", "QAT needs representative training data.", "representative", (
            *_unlike("one digit missing", "steps"), *_unlike("half as bright")),
        "The float network has seen all digits at full brightness; QAT, or calibration, then sees only some. What "
        "float training forgets on such data is no fault of QAT, and is taken off: without a digit that is much of "
        "QAT's loss. Another brightness costs float training little, but gives QAT and PTQ the wrong ranges.",
        "Qualitatively: fine-tuning forgets what it no longer sees. For language models the original training data are "
        "often not to be had, so data are generated.", (LLM_QAT, WHITE_PAPER),
        partial(lines, x="data", split="bits", xlabel="what training, or calibration, saw",
                title="Quantized on data unlike those to come"),
        "Accuracy by kind of training data"),
    Sentence(
        "qat-labels", "QAT needs labelled data.", "labels", tuple(
            Reading(f"qat-labels.{n}.{bits}", f"W{bits}A{bits}, {n} images: labels minus the float network's opinions",
                    "accuracy", {"taught_by": "labels", "bits": bits, "images": n},
                    {"taught_by": "teacher", "bits": bits, "images": n}, differ=("labels",))
            for bits in (3, 2) for n in (100, 1257)),
        "The float network's own probabilities stand in for the labels: nobody has labelled anything anew. Where the "
        "interval includes 0, labels were not shown to help; only an interval within half a point says that they do "
        "not.",
        "Yes: distillation from the float network is common practice, for language models on text that the model "
        "itself wrote.", (LLM_QAT,),
        partial(lines, x="images", split="bits", series="taught_by", xlabel="training images (log scale)", log_x=True,
                title="QAT by labels, and without"),
        "Accuracy of QAT with labels and with a teacher"),
    Sentence(
        "qat-trained-model", "QAT makes no sense for an already trained model.", "schedule", (
            *(Reading(f"qat-trained-model.ptq.{bits}", f"W{bits}A{bits}: strong PTQ after all epochs in float minus "
                      "QAT in the last third of them", "accuracy", {"method": STRONG, "bits": bits, "qat_percent": 0},
                      {"method": LSQ, "bits": bits, "qat_percent": 33}, differ=(*TRAINED_OR_STRONG, "start"))
              for bits in (3, 2)),
            *(Reading(f"qat-trained-model.scratch.{bits}", f"W{bits}A{bits}: QAT in all epochs, from scratch, minus "
                      "QAT in the last third of them", "accuracy", {"method": LSQ, "bits": bits, "qat_percent": 100},
                      {"method": LSQ, "bits": bits, "qat_percent": 33}, differ=("start", "steps")) for bits in (3, 2))),
        "Every network got the same number of epochs, float and QAT together; only QAT's share of them differs, from "
        "none to all. QAT of the model that was trained for two thirds of them is judged against more float training "
        "and PTQ, and against QAT from the start, which here has three times as much QAT.",
        "Fine-tuning pays elsewhere, too: it is how QAT is mostly done. QAT from the start is not as good elsewhere: "
        "for language models, float training first, then QAT, was found better than QAT alone.", (APPLE, WHITE_PAPER),
        partial(lines, x="qat_percent", split="bits", xlabel="QAT's share of the epochs, %", zero="PTQ",
                title="When to begin with quantization"),
        "Accuracy against QAT's share of the epochs"),
)
