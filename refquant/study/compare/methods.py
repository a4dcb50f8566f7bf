"""The table of methods: what makes the network, which groups it belongs to, and how figures show it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from ...clipping import CLIPPING_RULES
from ...grids import Grid
from ..options import meaning
from ..plots.style import BLACK, BLUE, GREEN, GREY, INDIGO, ORANGE, PINK, RED, SKY, WINE, look, rule_style
from . import after_training as after
from . import during_training as during
from .network import Network
from .recipe import FLOAT, LEAST, MINMAX, Recipe
from .tasks import Run, Task


class Method(NamedTuple):
    """A way to a network: METHODS[name](task, weight_grid, activation_grid) makes it.

    groups: names that stand for several methods on the command line. style: colour, marker, label. recipe: what the
    network is made by; `refquant compare` trains no float network twice, so those run once, in float32. about: what it
    does, in a line, if the function's docstring does not say it. stepped: it asks for grids of equal steps.
    """

    make: Callable[..., Network]
    groups: tuple[str, ...]
    style: dict[str, Any]
    recipe: Recipe = MINMAX
    about: str = ""
    stepped: bool = False

    def __call__(self, task: Task, *grids: Grid) -> Network:
        return self.make(task, *grids)


def _static(rule: str) -> dict[str, Any]:
    style = rule_style(rule)
    return {**style, "label": f"static, {style['label']}"}


#: Pairs share their ranges and a colour; the marker says how the weights moved.
METHODS: dict[str, Method] = {
    "float": Method(during.float_network, ("default",), look(BLACK, "", "float32", linestyle="--"), FLOAT),
    "float-longer": Method(during.float_longer, ("default",), look(GREY, "", "float32, trained longer", linestyle="-."),
                           FLOAT._replace(training="float", epochs=0.5)),
    "ptq-static-minmax": Method(
        after.ptq_static_minmax, ("default", "pairs", "rules", "granularities"), _static("minmax")),
    "qat-ste-minmax": Method(during.qat_ste_minmax, ("default", "pairs", "qat"), look(
        RED, "^", "straight-through, min-max"), MINMAX._replace(training="straight-through", epochs=0.5)),
    "ptq-static-mse": Method(after.ptq_static_mse, ("default", "pairs", "strong"), look(
        PINK, "D", "static, least MSE, per channel"), LEAST),
    "qat-ste-mse": Method(
        during.qat_ste_mse, ("default", "pairs", "qat"), look(PINK, "^", "straight-through, least MSE, per channel"),
        LEAST._replace(training="straight-through", epochs=0.5)),
    "qat-lsq": Method(during.qat_lsq, ("default", "pairs", "qat"), look(
        PINK, "*", "learned steps from least MSE, per channel", linestyle="--", markersize=11),
        LEAST._replace(training="learned steps", epochs=0.5)),
    "ptq-static-percentile-99.9": Method(after.ptq_static_percentile, ("default", "rules"), _static("percentile"),
                                         MINMAX._replace(inputs="percentile 99.9")),
    "ptq-dynamic-tensor": Method(after.ptq_dynamic_tensor, ("default", "granularities"), look(
        SKY, "P", "dynamic, per batch"), MINMAX._replace(seen="each batch")),
    "ptq-dynamic-row": Method(after.ptq_dynamic_row, ("default", "granularities"), look(
        BLUE, "s", "dynamic, per image"), MINMAX._replace(seen="each image")),
    "qat-ste-mse-recalibrated": Method(during.qat_ste_mse_recalibrated, ("qat",), look(
        PINK, "v", "straight-through, least MSE, recalibrated", linestyle=":"),
        LEAST._replace(seen="calibration, before and after training", training="straight-through", epochs=0.5)),
    "qat-ste-moving": Method(during.qat_ste_moving, ("qat",), look(GREEN, "^", "straight-through, moving min-max"),
                             MINMAX._replace(seen="moving average", training="straight-through", epochs=0.5)),
    "qat-ste-scratch": Method(during.qat_ste_scratch, ("qat",), look(
        GREEN, "^", "straight-through, moving min-max, from scratch", linestyle=":", markerfacecolor="white"),
        MINMAX._replace(seen="moving average", training="straight-through, from scratch", epochs=1.5)),
    "ptq-static-channel": Method(after.ptq_static_channel, ("granularities",), look(
        RED, "o", "static, min-max, per channel", markerfacecolor="white", linestyle="--"),
        MINMAX._replace(share="output")),
    "ptq-static-block-16": Method(after.ptq_static_block, ("granularities",), look(
        RED, "h", "static, min-max, blocks of 16", linestyle=":"), MINMAX._replace(share="16 inputs of an output")),
    "ptq-static-cle": Method(after.ptq_static_cle, ("strong",), look(
        RED, "<", "static, min-max, equalized (CLE)", linestyle="-."), MINMAX._replace(scales="equalized")),
    "ptq-static-bias-correction": Method(after.ptq_static_bias_correction, ("strong",), look(
        ORANGE, "8", "static, least MSE, biases corrected", linestyle="-."), LEAST._replace(biases="corrected")),
    "ptq-static-adaround": Method(after.ptq_static_adaround, ("strong",), look(
        INDIGO, "s", "static, least MSE, AdaRound"), LEAST._replace(biases="corrected", rounding="AdaRound"),
        stepped=True),
    "ptq-gptq": Method(after.ptq_gptq, ("strong",), look(WINE, "X", "static, least MSE, GPTQ"),
                       LEAST._replace(rounding="GPTQ")),
}
#: The methods of clipping rules that are not named after them; the first two stand in METHODS.
NAMES = {"minmax": "ptq-static-minmax", "percentile": "ptq-static-percentile-99.9",
         "mse_optimal": "ptq-static-mse-tensor", "lp_optimal": "ptq-static-l3"}

OTHER = Method(during.float_network, (), {}, FLOAT)  # how figures show a name that is no method


def by_rule(rule: str) -> Method:
    """The method that takes the ranges of weights and inputs by a clipping rule."""
    style, chosen = _static(rule), CLIPPING_RULES[rule]
    about = f"PTQ, static: ranges of weights and inputs per tensor, by {rule_style(rule)['label']}"
    recipe = MINMAX._replace(weights=rule_style(rule)["label"], inputs=rule_style(rule)["label"])
    return Method(partial(after.ptq_static_by, chosen), ("rules",), style, recipe,
                  about + ("; inputs one-sided." if "one_sided" in chosen.takes else "."),
                  "grid" in chosen.takes and "fit" not in chosen.takes)


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
    return {name: method.about or meaning(method.make).splitlines()[0] for name, method in all_methods().items()}


def kind(name: str) -> str:
    """PTQ or QAT; nothing for the float networks."""
    recipe = all_methods().get(name, OTHER).recipe
    return "" if recipe.rounding == "none" else "PTQ" if recipe.training == "none" else "QAT"


def partner(name: str) -> str | None:
    """The method that PTQ's side of a pair is for a QAT method: the same recipe, without training.

    >>> partner("qat-lsq"), partner("qat-ste-moving")
    ('ptq-static-mse', None)
    """
    alike = all_methods()[name].recipe._replace(training="none", epochs=0.0)
    return next((other for other, method in all_methods().items() if method.recipe == alike and other != name), None)


def line_style(name: str) -> dict[str, Any]:
    """The method's colour, marker and label; grey where it has none."""
    return {"color": GREY, "label": name, **all_methods().get(name, OTHER).style}


def networks(task: Task) -> Iterator[Run]:
    """Every method of the plan at every width that it takes; the float ones once."""
    for name, method in all_methods().items():
        if name == "float" or name not in task.plan.methods:
            continue
        for grids in task.plan.widths if kind(name) else (None,):
            if grids is None or takes(method, grids[0]):
                began = time.perf_counter()
                network = method(task, *(grids or ()))
                yield Run(name, grids[0].bits if grids else 32, network, time.perf_counter() - began)


def takes(method: Method, grid: Grid) -> bool:
    """Whether the method can quantize to the grid."""
    return grid.equal_steps or not method.stepped
