"""One published method per file, named as in its paper. They stand on the core; nothing in the core needs them."""

from .aciq import aciq_gaussian, aciq_laplace, gaussian_width, laplace_width
from .adaround import adaround
from .bias_correction import bias_correction
from .cle import cross_layer_equalization
from .entropy import entropy
from .gemmlowp import gemmlowp_requantize
from .histogram import histogram_observer
from .lapq import lp_optimal, mse_optimal
from .lsq import lsq
from .moments import moments_observer
from .moving_average import moving_average_observer
from .octav import octav

__all__ = ["mse_optimal", "lp_optimal", "gaussian_width", "laplace_width", "aciq_gaussian", "aciq_laplace",
           "octav", "entropy", "lsq",
           "cross_layer_equalization", "bias_correction", "adaround",
           "histogram_observer", "moments_observer", "moving_average_observer",
           "gemmlowp_requantize"]
