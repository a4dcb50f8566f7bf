"""refquant: the reference for neural-network quantization, in NumPy.

    q = encode(clip(round(x / scale) + zero_point, qmin, qmax))        x_hat = scale * (decode(q) - zero_point)

The names below stand in reading order. rules.py is the specification on one screen, affine.py is the formula.
Everything in quantization answers one of four questions.

Which codes exist, and what does a code mean? A grid says which, a scale and a zero point say what.

>>> import numpy as np
>>> import refquant as rq
>>> params = rq.affine_params(-1.0, 2.0, rq.UINT4)      # or symmetric_params; any rq.IntGrid(bits, signed, narrow)
>>> rq.quantize([-1.0, 0.0, 0.33, 9.0], params)         # 9.0 saturates
array([ 0,  5,  7, 15], dtype=uint8)
>>> fp8 = rq.symmetric_params(-448.0, 448.0, rq.E4M3)   # a float grid; or a codebook: rq.NF4, rq.Codebook(values)
>>> rq.fake_quantize([17.0, 0.3, 999.0], fp8)
array([1.600e+01, 3.125e-01, 4.480e+02])

Who shares a scale? That is only the shape of `scale`: it broadcasts to x. `axis` names the axes reduced over.

>>> x = np.random.default_rng(0).normal(size=(4, 3)) * [1, 10, 100]
>>> per_tensor, per_column = rq.dynamic_params(x, rq.INT8), rq.dynamic_params(x, rq.INT8, axis=0)
>>> per_tensor.scale.shape, per_column.scale.shape
((), (1, 3))
>>> error = [rq.max_abs_error(x[:, 0], rq.fake_quantize(x, p)[:, 0]) for p in (per_tensor, per_column)]
>>> bool(error[1] < error[0] / 10)                      # the small column no longer pays for the large one
True
>>> weights = np.random.default_rng(0).normal(size=(8, 100)).astype(np.float32)
>>> blocks = rq.split_blocks(weights, 32)               # (8, 4, 32): one more axis, the last block padded
>>> per_block = rq.dynamic_params(blocks, rq.INT4, axis=-1, fit=rq.symmetric_params)
>>> per_block.scale.shape, rq.join_blocks(rq.fake_quantize(blocks, per_block), length=100).shape
((8, 4, 1), (8, 100))

Which reals a scale may be is a fit's choice: powers of two (MX), or a float grid times a second scale (NVFP4).

>>> mxfp4 = rq.dynamic_params(blocks, rq.E2M1, axis=-1, fit=rq.mx_params)
>>> nvfp4 = rq.dynamic_params(rq.split_blocks(weights, 16), rq.E2M1, axis=-1, fit=rq.two_level(rq.E4M3))
>>> rq.bits_per_value(mxfp4, blocks.size), nvfp4.scale_grid
(4.25, E4M3)

When is the clipping range known? Static: before, from calibration data. Dynamic: from each input. How it is chosen is
a function, `(x, axis=) -> (lo, hi)`; each also takes a histogram, so data may come in any number of batches.

>>> from functools import partial
>>> rq.static_params([x[2:]], rq.INT8) == rq.dynamic_params(x[2:], rq.INT8)     # only the data differ
True
>>> least_error = partial(rq.mse_optimal, grid=rq.INT8)
>>> batches = (np.random.default_rng(i).normal(size=(64, 3)) for i in range(100))
>>> static = rq.static_params(batches, rq.INT8, observer=rq.histogram_observer(least_error))
>>> codes = rq.in_chunks(rq.quantize, weights, static)  # in pieces, bit for bit as in one call; out=a memory map

Does the training know? After training (PTQ): no. With it (QAT): yes, its gradient passes straight through the rounding.

>>> rng = np.random.default_rng(0)
>>> x = rng.normal(size=(300, 2)); labels = (x[:, 0] > x[:, 1]).astype(int)
>>> net = rq.mlp.train(rq.mlp.init(rng, (2, 8, 2)), x, labels, rng=rng, epochs=20)
>>> grids = {"weight_grid": rq.IntGrid(4, narrow=True), "activation_grid": rq.UINT4}
>>> ptq, qat = rq.mlp.ptq_static(net, [x], **grids), rq.mlp.train_qat(net, x, labels, rng=rng, **grids)
>>> rq.mlp.accuracy(rq.mlp.forward_quantized(qat, x), labels) > 0.9, qat.nbytes
(True, 74)
"""

from __future__ import annotations

from . import _start  # noqa: F401  # first: it takes care of Ctrl-C while the command line loads
from . import lm, methods, mlp
from .rules import RULES
from .grids import (E2M1, E2M3, E3M2, E4M3, E4M3FNUZ, E5M2, E5M2FNUZ, E8M0, INT2, INT4, INT8, INT16, INT32, NF4, UINT2,
                    UINT4, UINT8, UINT16, Codebook, FloatGrid, Grid, IntGrid)
from .affine import AffineParams, dequantize, fake_quantize, quantize
from .ranges import affine_params, symmetric_params
from .scales import mx_ceil_params, mx_even_params, mx_params, mx_rceil_params, two_level
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
from .gaussian import block_gaussian_mse, gaussian_mse

__version__ = "0.2.0"

__all__ = [
    "RULES", "Grid", "IntGrid", "INT2", "INT4", "INT8", "INT16", "INT32", "UINT2", "UINT4", "UINT8", "UINT16",
    "FloatGrid", "E4M3", "E5M2", "E4M3FNUZ", "E5M2FNUZ", "E2M3", "E3M2", "E2M1", "Codebook", "NF4", "E8M0",
    "AffineParams", "quantize", "dequantize", "fake_quantize",
    "affine_params", "symmetric_params", "mx_params", "mx_ceil_params", "mx_even_params", "mx_rceil_params",
    "two_level", "minmax", "percentile", "mse_optimal", "lp_optimal",
    "Observer", "observer", "minmax_observer", "histogram_observer", "moments_observer", "moving_average_observer",
    "static_params", "dynamic_params", "split_blocks", "join_blocks", "channel_params", "bits_per_value", "in_chunks",
    "straight_through", "lsq", "integer_matmul", "quantize_multiplier", "requantize", "pack", "unpack",
    "mse", "sqnr_db", "max_abs_error", "gaussian_mse", "block_gaussian_mse",
    "gaussian_width", "laplace_width", "aciq_gaussian", "aciq_laplace", "octav", "entropy",
    "methods", "mlp", "lm",
]
