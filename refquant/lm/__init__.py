"""A small language model of characters: trained in float, quantized after training, trained with quantization."""

from __future__ import annotations

from .text import Split, alice, anchors, decode, encode, read, split
from .model import LM, Sizes, bits_per_character, forward, generate, init
from .training import train

__all__ = [
    "Split", "alice", "read", "split", "encode", "decode", "anchors",
    "LM", "Sizes", "init", "forward", "bits_per_character", "generate", "train",
]
