"""What is said of quantization-aware training (QAT)."""

from __future__ import annotations

from .claims_ptq import SIZES, TRAINED, TRAINED_OR_STRONG, WHITE_PAPER
from .experiments.after_training import GPTQ, LSQ, NAIVE, STRONG
from .experiments.during_training import IN_FLOAT, STE, STE_MSE
from .verdicts import Reading, Sentence, Where

BRECQ = ("Li et al. 2021, arXiv:2102.05426", "https://arxiv.org/abs/2102.05426")
ESSER = ("Esser et al. 2020, arXiv:1902.08153", "https://arxiv.org/abs/1902.08153")
LLM_QAT = ("Liu et al. 2023, arXiv:2305.17888", "https://arxiv.org/abs/2305.17888")
APPLE = ("Dremov et al. 2025, arXiv:2509.22935", "https://arxiv.org/abs/2509.22935")
LEAST = "from ranges of least MSE"


def _gain(id: str, says: str, qat: Where, ptq: Where, *differ: str, of: str = "") -> Reading:
    return Reading(f"qat-improves.{id}.{qat['bits']}", f"W{qat['bits']}A{qat['bits']}{says}", qat, ptq, differ=differ,
                   of=of)


def _over_longer(bits: int, ptq: str, name: str, *differ: str, **where: str) -> Reading:
    """QAT against PTQ of the network that was trained as long."""
    at: Where = {"bits": bits, **where}
    hidden = f", hidden layers of {where['hidden']}" if where else ""
    return _gain(".".join([ptq, *where.values()]), f"{hidden}: QAT against {name} of the network trained as long, "
                 f"both {LEAST}", {"method": LSQ, **at}, {"method": f"longer-{ptq}", **at}, *differ, "start",
                 of="sizes" if where else "")


def _pair(bits: int, qat: str, ptq: str, ranges: str) -> Reading:
    return _gain(qat, f": QAT against PTQ, both {ranges}", {"method": qat, "bits": bits}, {"method": ptq, "bits": bits},
                 *TRAINED)


def _unlike(kind: str, bits: int, *steps: str, method: str = LSQ) -> Reading:
    """What a method loses by data of that kind; QAT beyond what float training loses by it."""
    sides, of_float = (tuple({"method": name, "bits": bits, "data": data} for data in ("all", kind))
                       for name in (method, "float-longer"))
    usual, such = sides
    name, at = kind.split()[0], "float32" if method == "float-longer" else f"W{bits}A{bits}"
    if method != LSQ:
        does = "the harm by float training on such data in as many epochs" if method == "float-longer" else \
            "the harm to strong PTQ by calibrating on such data"
        return Reading(f"qat-data.{name}.{bits}.{method}", f"{at}, {kind}: {does}", usual, such,
                       differ=(*steps, "data"))
    return Reading(f"qat-data.{name}.{bits}", f"{at}, {kind}: the harm to QAT by training on such data, minus the "
                   "harm to float training on it in as many epochs", usual, such,
                   differ=("quantization", "training", *steps, "data"), control=of_float)


def _taught(bits: int, images: int | str, method: str = LSQ) -> Reading:
    at: Where = {"method": method, "bits": bits, "images": images}
    width = f"W{bits}A{bits}" if bits < 32 else "float training alone"
    return Reading(f"qat-labels.{images}.{bits}", f"{width}, {images} images: trained on labels against on the float "
                   "network's own predictions", {**at, "taught_by": "labels"}, {**at, "taught_by": "teacher"},
                   differ=("labels",))


def _scheduled(sentence: str, bits: int, percent: int, says: str, *differ: str) -> Reading:
    """All epochs in PTQ or in QAT, against two thirds in float and then QAT."""
    return Reading(f"{sentence}.{bits}", f"W{bits}A{bits}: {says}, against QAT in the last third of the epochs alone",
                   {"method": LSQ if percent else STRONG, "bits": bits, "qat_percent": percent},
                   {"method": LSQ, "bits": bits, "qat_percent": 33}, differ=(*differ, "start"))


def _steps(id: str, bits: int, says: str, method: str, effort: str, *differ: str) -> Reading:
    return Reading(f"qat-steps.{id}.{bits}", f"W{bits}A{bits}: {says} in a thirtieth of the steps",
                   {"method": method, "bits": bits, "effort": effort}, {"method": LSQ, "bits": bits, "effort": "1/30"},
                   differ=differ)


QAT = (
    Sentence(
        "qat-improves", "QAT gives a better model than PTQ.", "qat", (
            *(_over_longer(bits, STRONG, "strong PTQ", *TRAINED_OR_STRONG) for bits in (4, 8, 2)),
            *(_over_longer(bits, STRONG, "strong PTQ", *TRAINED_OR_STRONG, hidden=hidden)
              for hidden in SIZES for bits in (4, 2)),
            *(_over_longer(bits, GPTQ, "GPTQ", "training", "rounding") for bits in (4, 2)),
            _pair(2, STE, NAIVE, "on min-max ranges")),
        "In a pair both sides have the same ranges, from the same images; strong PTQ has them too, and rounds by "
        "AdaRound and corrects biases. The float network that PTQ starts from was trained as long as QAT trains. "
        "Beside plain min-max ranges any training looks good; better ranges and better rounding leave less to win. On "
        "text a range for each token leaves QAT less to win at W4A4 than one static range does.",
        "Qualitatively: below 4 bits papers report large gains by QAT, at 8 small ones or none; at 4 bits "
        "reconstruction (BRECQ) claims to match it. The sizes are this network's.", (WHITE_PAPER, BRECQ, ESSER)),
    Sentence(
        "qat-steps", "QAT is better with many steps of training.", "cost", (
            *(_steps("all", bits, "QAT in all steps, against QAT", LSQ, "1", "steps") for bits in (4, 2)),
            _steps("ptq", 4, "strong PTQ against QAT", STRONG, "1000", *TRAINED_OR_STRONG)),
        "On digits all steps means half the epochs of float training, a thirtieth one pass over the data. How much is "
        "left for the rest to win grows as the bits fall. On text more steps help a float model too: what they bring "
        "at W8A8, where next to nothing is lost, is taken off.",
        "Qualitatively. How much compute QAT should get is open: for language models its best share was found to grow "
        "with the whole budget.", (APPLE, WHITE_PAPER)),
    Sentence(
        "qat-data", "QAT is better with representative training data.", "representative", (
            *(_unlike("one digit missing", bits, "steps") for bits in (4, 2)),
            _unlike("half as bright", 4), _unlike("one digit missing", 4, "steps", method="float-longer"),
            _unlike("half as bright", 4, method=STRONG)),
        "The float network has seen all digits at full brightness; QAT, or calibration, then sees only some. What "
        "float training forgets on such data is no fault of QAT, and is taken off: without a digit that is most of "
        "QAT's loss at 4 bits. Another brightness gives PTQ the wrong ranges. On text, training sees capital letters "
        "alone, never lower case, and is tested on text as it is. Most of what is lost there the float model loses "
        "too; that losses add up is an assumption.",
        "Qualitatively: fine-tuning forgets what it no longer sees. For language models the original training data are "
        "often not to be had, so data are generated.", (LLM_QAT, WHITE_PAPER)),
    Sentence(
        "qat-labels", "QAT is better with labelled data.", "labels", (
            _taught(4, "all"), _taught(2, "all"), _taught(32, "all", "float-longer")),
        "The float network is trained on one half of the training images; QAT gets the other half, whose labels that "
        "network never saw: by these labels, or by the float network's own probabilities. New labels also teach a "
        "float network something: the last comparison says how much.",
        "Distillation from the float network is common practice, for language models on text that the model itself "
        "wrote.", (LLM_QAT,)),
    Sentence(
        "qat-trained-model", "QAT makes no sense for an already trained model.", "schedule", tuple(
            _scheduled("qat-trained-model", bits, 0, "all epochs in float and strong PTQ", *TRAINED_OR_STRONG)
            for bits in (4, 2)),
        "Every network got the same number of epochs, float and QAT together. QAT of the model that was trained for "
        "two thirds of them is judged against more float training and PTQ.",
        "Fine-tuning pays elsewhere, too: it is how QAT is mostly done.", (WHITE_PAPER,)),
    Sentence(
        "qat-scratch", "QAT from scratch is better than fine-tuning by QAT.", "schedule", tuple(
            _scheduled("qat-scratch", bits, 100, "QAT in all epochs, from scratch, which is three times as many steps",
                       "steps") for bits in (4, 2)),
        "Float and QAT together got the same number of epochs; from scratch, all of them are QAT's. So the two sides "
        "cost about the same, and differ in how many steps are QAT's. On text they get the same number of steps; from "
        "scratch the learning rate is that of float training, tuned for nothing else, and the inputs keep the zero "
        "points that the first weights gave them.",
        "Not found elsewhere: for language models, float training first, then QAT, was better than QAT alone.",
        (APPLE,)),
    Sentence(
        "lsq-better", "Learned steps are better than straight-through estimation.", "qat", tuple(
            Reading(f"lsq-better.{bits}", f"W{bits}A{bits}, {LEAST}: learned steps against straight-through",
                    {"method": LSQ, "bits": bits}, {"method": STE_MSE, "bits": bits}, differ=TRAINED)
            for bits in (4, 2)),
        "Both start from the same ranges. Straight-through training searches those of the weights anew at each step "
        "and keeps those of the inputs; learned steps are parameters that descend too. One learning rate for both, "
        "tuned for neither.",
        "Qualitatively: on ImageNet learned steps were reported to lead from 2 to 4 bits.", (ESSER, WHITE_PAPER)),
    Sentence(
        "qat-fits-grid", "QAT fits the weights to the grid: without quantization they are worse.", "qat", tuple(
            Reading(f"qat-fits-grid.{bits}", f"W{bits}A{bits}: the float network trained as long, against QAT's "
                    "weights run in float", {"method": "float-longer"}, {"method": IN_FLOAT, "bits": bits},
                    differ=TRAINED)
            for bits in (4, 2)),
        "The weights that QAT moves are kept in float while it trains; here they were run without any rounding, beside "
        "a float network trained as long. They serve the codes that they become, not themselves.",
        "Unknown: papers on QAT report the quantized network.", (ESSER,)),
)
