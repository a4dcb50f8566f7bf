"""Functions of matrices, one published method a file, named as in its paper; mlp applies them to its layers."""

from __future__ import annotations

from .adaround import adaround
from .awq import awq
from .bias_correction import bias_correction
from .equalization import cross_layer_equalization
from .gptq import gptq
from .hadamard import hadamard
from .smoothquant import smoothquant

__all__ = ["cross_layer_equalization", "bias_correction", "adaround", "gptq", "awq", "smoothquant", "hadamard"]
