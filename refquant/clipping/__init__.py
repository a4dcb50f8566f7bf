"""Data -> [lo, hi]: how the clipping range is chosen, one idea a file; rule.py says what a rule is."""
from __future__ import annotations

from .aciq import aciq_gaussian, aciq_laplace, gaussian_width, laplace_width
from .entropy import entropy
from .least_error import lp_optimal, mse_optimal
from .octav import octav
from .quantiles import minmax, percentile
from .rule import Axis, Clip

__all__ = ["Axis", "Clip", "minmax", "percentile", "mse_optimal", "lp_optimal", "entropy", "gaussian_width",
           "laplace_width", "aciq_gaussian", "aciq_laplace", "octav"]
