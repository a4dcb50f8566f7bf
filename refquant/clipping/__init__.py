"""Data -> [lo, hi]: how the clipping range is chosen, one idea a file; rule.py says what a rule is."""

from __future__ import annotations

from functools import partial

from .aciq import aciq_gaussian, aciq_laplace, gaussian_width, laplace_width
from .entropy import entropy
from .least_error import lp_optimal, mse_optimal
from .octav import octav
from .quantiles import minmax, percentile
from .rule import Axis, Clip, ClippingRule

__all__ = ["Axis", "Clip", "minmax", "percentile", "mse_optimal", "lp_optimal", "entropy", "gaussian_width",
           "laplace_width", "aciq_gaussian", "aciq_laplace", "octav", "ClippingRule", "CLIPPING_RULES", "POWER"]

POWER = 3  # of lp_optimal in the table
#: name -> rule. The laws, `refquant compare`, `refquant inspect` and the figures read this table: a rule that joins it
#: is tested, compared and drawn.
CLIPPING_RULES: dict[str, ClippingRule] = {
    "minmax": ClippingRule(minmax),
    "percentile": ClippingRule(percentile, ("percent", "one_sided")),
    "mse_optimal": ClippingRule(mse_optimal, ("grid", "fit")),
    "lp_optimal": ClippingRule(partial(lp_optimal, p=POWER), ("grid", "fit")),
    "entropy": ClippingRule(entropy, ("grid",)),
    "aciq_gaussian": ClippingRule(aciq_gaussian, ("grid", "one_sided")),
    "aciq_laplace": ClippingRule(aciq_laplace, ("grid", "one_sided")),
    "octav": ClippingRule(octav, ("grid", "one_sided")),
}
