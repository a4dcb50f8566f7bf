"""The table of methods: what makes the network, which groups it belongs to, and how figures show it."""
from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from ...clipping import CLIPPING_RULES
from ...grids import IntGrid
from ..plots.style import BLACK, BLUE, GREEN, GREY, INDIGO, ORANGE, PINK, RED, SKY, WINE, look, rule_style
from . import after_training as ptq
from . import during_training as training
from .network import Network
from .tasks import Run, Task


class Method(NamedTuple):
    """A way to a network: METHODS[name](task, weight_grid, activation_grid) makes it.

    groups: names that stand for several methods on the command line. Methods of the group `floats` run once, in
    float32; those of `qat` train with quantization; all others quantize after training. style: colour, marker, label.
    about: what it does, in a line, if the function's docstring does not say it.
    """

    make: Callable[[Task, IntGrid, IntGrid], Network]
    groups: tuple[str, ...]
    style: dict[str, Any]
    about: str = ""

    def __call__(self, task: Task, weights: IntGrid, activations: IntGrid) -> Network:
        return self.make(task, weights, activations)


def _static(rule: str) -> dict[str, Any]:
    style = rule_style(rule)
    return {**style, "label": f"static, {style['label']}"}


METHODS: dict[str, Method] = {
    "float": Method(training.float_network, ("default", "floats"), look(BLACK, "", "float32", linestyle="--")),
    "float-longer": Method(training.float_longer, ("default", "floats"), look(
        GREY, "", "float32, trained longer", linestyle="-.")),
    "ptq-static-minmax": Method(ptq.ptq_static_minmax, ("default", "rules", "granularities"), _static("minmax")),
    "ptq-static-percentile-99.9": Method(ptq.ptq_static_percentile, ("default", "rules"), _static("percentile")),
    "ptq-static-mse": Method(ptq.ptq_static_mse, ("default", "strong"), look(
        PINK, "D", "static, least MSE, per channel")),
    "ptq-dynamic-tensor": Method(ptq.ptq_dynamic_tensor, ("default", "granularities"), look(
        SKY, "P", "dynamic, per batch")),
    "ptq-dynamic-row": Method(ptq.ptq_dynamic_row, ("default", "granularities"), look(
        BLUE, "s", "dynamic, per image")),
    "qat-ste": Method(training.qat_ste, ("default", "qat"), look(GREEN, "^", "straight-through, fine-tuned")),
    "qat-ste-scratch": Method(training.qat_ste_scratch, ("default", "qat"), look(
        GREEN, "^", "straight-through, from scratch", linestyle=":", markerfacecolor="white")),
    "qat-lsq": Method(training.qat_lsq, ("default", "qat"), look(WINE, "*", "learned steps (LSQ)", markersize=11)),
    "ptq-static-channel": Method(ptq.ptq_static_channel, ("granularities",), look(
        RED, "o", "static, min-max, per channel", linestyle="--", markerfacecolor="white")),
    "ptq-static-block-16": Method(ptq.ptq_static_block, ("granularities",), look(
        RED, "h", "static, min-max, blocks of 16", linestyle=":")),
    "ptq-static-cle": Method(ptq.ptq_static_cle, ("strong",), look(
        RED, "<", "static, min-max, equalized (CLE)", linestyle="-.")),
    "ptq-static-bias-correction": Method(ptq.ptq_static_bias_correction, ("strong",), look(
        ORANGE, "8", "static, biases corrected", linestyle="-.")),
    "ptq-static-adaround": Method(ptq.ptq_static_adaround, ("strong",), look(INDIGO, "s", "static, AdaRound")),
}
#: The methods of clipping rules that are not named after them; the first two stand in METHODS.
NAMES = {"minmax": "ptq-static-minmax", "percentile": "ptq-static-percentile-99.9",
         "mse_optimal": "ptq-static-mse-tensor", "lp_optimal": "ptq-static-l3"}

OTHER = Method(training.float_network, (), {})  # how figures show a name that is no method


def by_rule(rule: str) -> Method:
    """The method that takes the ranges of weights and inputs by a clipping rule."""
    style, chosen = _static(rule), CLIPPING_RULES[rule]
    about = f"PTQ, static: ranges of weights and inputs per tensor, by {rule_style(rule)['label']}"
    return Method(partial(ptq.ptq_static_by, chosen), ("rules",), style,
                  about + ("; inputs one-sided." if "one_sided" in chosen.takes else "."))


def all_methods() -> dict[str, Method]:
    """METHODS and a method for each clipping rule: first the default ones, then the rules, then the others."""
    found = dict(METHODS)
    for rule in CLIPPING_RULES:
        found.setdefault(NAMES.get(rule, f"ptq-static-{rule.replace('_', '-')}"), by_rule(rule))
    default, rules = ({name: method for name, method in found.items() if group in method.groups}
                      for group in ("default", "rules"))
    return {**default, **rules, **found}


def groups() -> dict[str, tuple[str, ...]]:
    """Group -> the names of its methods; `all` has every method."""
    methods = all_methods()
    names = dict.fromkeys(group for method in methods.values() for group in method.groups)
    return {**{group: tuple(name for name, method in methods.items() if group in method.groups) for group in names},
            "all": tuple(methods)}


def about() -> dict[str, str]:
    """Name -> what the method does, in a line."""
    return {name: method.about or (method.make.__doc__ or "").splitlines()[0]
            for name, method in all_methods().items()}


def kind(name: str) -> str:
    """PTQ or QAT; nothing for the float networks."""
    found = all_methods().get(name, OTHER).groups
    return "" if "floats" in found else "QAT" if "qat" in found else "PTQ"


def line_style(name: str) -> dict[str, Any]:
    """The method's colour, marker and label; grey where it has none."""
    return {"color": GREY, "label": name, **all_methods().get(name, OTHER).style}


def networks(task: Task) -> Iterator[Run]:
    """Every method of the plan at every width; the float ones once."""
    for name, method in all_methods().items():
        if name == "float" or name not in task.plan.methods:
            continue
        for bits in (32,) if "floats" in method.groups else task.plan.bits:
            grids = IntGrid(min(bits, 16), narrow=True), IntGrid(min(bits, 16), signed=False)
            began = time.perf_counter()
            network = method(task, *grids)
            yield Run(name, bits, network, time.perf_counter() - began)
