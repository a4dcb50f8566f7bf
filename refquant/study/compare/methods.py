"""The table of methods: what makes the network, which groups it belongs to, and how figures show it."""
from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from ...clipping import CLIPPING_RULES
from ...grids import IntGrid
from ..plots.style import BLACK, BLUE, GREEN, GREY, INDIGO, ORANGE, PINK, RED, SKY, WINE, rule_style
from .after_training import (
    ptq_dynamic_row,
    ptq_dynamic_tensor,
    ptq_static_adaround,
    ptq_static_bias_correction,
    ptq_static_block,
    ptq_static_by,
    ptq_static_channel,
    ptq_static_cle,
    ptq_static_minmax,
    ptq_static_mse,
    ptq_static_percentile,
)
from .during_training import float_longer, float_network, qat_lsq, qat_ste, qat_ste_scratch
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
    "float": Method(float_network, ("default", "floats"), {
        "color": BLACK, "marker": "", "linestyle": "--", "label": "float32"}),
    "float-longer": Method(float_longer, ("default", "floats"), {
        "color": GREY, "marker": "", "linestyle": "-.", "label": "float32, trained longer"}),
    "ptq-static-minmax": Method(ptq_static_minmax, ("default", "rules", "granularities"), _static("minmax")),
    "ptq-static-percentile-99.9": Method(ptq_static_percentile, ("default", "rules"), _static("percentile")),
    "ptq-static-mse": Method(ptq_static_mse, ("default", "strong"), {
        "color": PINK, "marker": "D", "label": "static, least MSE, per channel"}),
    "ptq-dynamic-tensor": Method(ptq_dynamic_tensor, ("default", "granularities"), {
        "color": SKY, "marker": "P", "label": "dynamic, per batch"}),
    "ptq-dynamic-row": Method(ptq_dynamic_row, ("default", "granularities"), {
        "color": BLUE, "marker": "s", "label": "dynamic, per image"}),
    "qat-ste": Method(qat_ste, ("default", "qat"), {
        "color": GREEN, "marker": "^", "label": "straight-through, fine-tuned"}),
    "qat-ste-scratch": Method(qat_ste_scratch, ("default", "qat"), {
        "color": GREEN, "marker": "^", "linestyle": ":", "markerfacecolor": "white",
        "label": "straight-through, from scratch"}),
    "qat-lsq": Method(qat_lsq, ("default", "qat"), {
        "color": WINE, "marker": "*", "markersize": 11, "label": "learned steps (LSQ)"}),
    "ptq-static-channel": Method(ptq_static_channel, ("granularities",), {
        "color": RED, "marker": "o", "markerfacecolor": "white", "linestyle": "--",
        "label": "static, min-max, per channel"}),
    "ptq-static-block-16": Method(ptq_static_block, ("granularities",), {
        "color": RED, "marker": "h", "linestyle": ":", "label": "static, min-max, blocks of 16"}),
    "ptq-static-cle": Method(ptq_static_cle, ("strong",), {
        "color": RED, "marker": "<", "linestyle": "-.", "label": "static, min-max, equalized (CLE)"}),
    "ptq-static-bias-correction": Method(ptq_static_bias_correction, ("strong",), {
        "color": ORANGE, "marker": "8", "linestyle": "-.", "label": "static, biases corrected"}),
    "ptq-static-adaround": Method(ptq_static_adaround, ("strong",), {
        "color": INDIGO, "marker": "s", "label": "static, AdaRound"}),
}
#: The methods of clipping rules that are not named after them; the first two stand in METHODS.
NAMES = {"minmax": "ptq-static-minmax", "percentile": "ptq-static-percentile-99.9",
         "mse_optimal": "ptq-static-mse-tensor", "lp_optimal": "ptq-static-l3"}

OTHER = Method(float_network, (), {})  # how figures show a name that is no method


def by_rule(rule: str) -> Method:
    """The method that takes the ranges of weights and inputs by a clipping rule."""
    style, chosen = _static(rule), CLIPPING_RULES[rule]
    about = f"PTQ, static: ranges of weights and inputs per tensor, by {rule_style(rule)['label']}"
    return Method(partial(ptq_static_by, chosen), ("rules",), style,
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
