"""refquant: the reference for neural-network quantization, in NumPy.

    q = encode(clip(round(x / scale) + zero_point, qmin, qmax))        x_hat = scale * (decode(q) - zero_point)

The names below stand in reading order. rules.py is the specification on one screen, affine.py is the formula.
"""
from __future__ import annotations

from . import _start  # noqa: F401  # first: it takes care of Ctrl-C while the command line loads
from . import methods, mlp
from .rules import RULES
from .grids import INT2, INT4, INT8, INT16, INT32, UINT2, UINT4, UINT8, UINT16, Grid, IntGrid
from .affine import AffineParams, dequantize, fake_quantize, quantize
from .ranges import affine_params, symmetric_params
from .clipping import (aciq_gaussian, aciq_laplace, entropy, gaussian_width, laplace_width, lp_optimal, minmax,
                       mse_optimal, octav, percentile)
from .observers import (Observer, histogram_observer, minmax_observer, moments_observer, moving_average_observer,
                        observer)
from .calibration import dynamic_params, static_params
from .blocks import bits_per_value, channel_params, join_blocks, split_blocks
from .chunks import in_chunks
from .gradients import lsq, straight_through
from .integer import integer_matmul, quantize_multiplier, requantize
from .packing import pack, unpack
from .metrics import max_abs_error, mse, sqnr_db

__version__ = "0.2.0"

__all__ = [
    "RULES", "Grid", "IntGrid", "INT2", "INT4", "INT8", "INT16", "INT32", "UINT2", "UINT4", "UINT8", "UINT16",
    "AffineParams", "quantize", "dequantize", "fake_quantize",
    "affine_params", "symmetric_params", "minmax", "percentile", "mse_optimal", "lp_optimal",
    "Observer", "observer", "minmax_observer", "histogram_observer", "moments_observer", "moving_average_observer",
    "static_params", "dynamic_params", "split_blocks", "join_blocks", "channel_params", "bits_per_value", "in_chunks",
    "straight_through", "lsq", "integer_matmul", "quantize_multiplier", "requantize", "pack", "unpack",
    "mse", "sqnr_db", "max_abs_error",
    "gaussian_width", "laplace_width", "aciq_gaussian", "aciq_laplace", "octav", "entropy",
    "methods", "mlp",
]
