"""Functions of matrices, one published method a file, named as in its paper; mlp applies them to its layers."""

from __future__ import annotations

from .adaround import adaround
from .bias_correction import bias_correction
from .equalization import cross_layer_equalization
from .gptq import gptq

__all__ = ["cross_layer_equalization", "bias_correction", "adaround", "gptq"]
