"""A small language model of characters: trained in float, quantized after training, trained with quantization.

A model is a plain value: `LM` in float32, `QuantizedLM` on grids; functions take one and return another.
"""

from __future__ import annotations

from .text import Split, alice, anchors, decode, encode, read, split
from .model import LM, Sizes, bits_per_character, forward, generate, init, load, save
from ..mlp.ptq import WeightRule
from ..mlp.quantized import Dynamic
from .quantized import QuantizedLM, channel_maxima, nearest, ptq, smoothed, with_outliers
from .training import train, train_lsq, train_qat

__all__ = [
    "Split", "alice", "read", "split", "encode", "decode", "anchors", "LM", "Sizes", "init", "forward",
    "bits_per_character", "generate", "train", "save", "load", "QuantizedLM", "WeightRule", "Dynamic", "nearest", "ptq",
    "train_qat", "train_lsq", "channel_maxima", "with_outliers", "smoothed",
]
