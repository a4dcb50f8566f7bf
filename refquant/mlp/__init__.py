"""A small multilayer perceptron: trained in float, quantized after training (PTQ), trained with quantization (QAT).

A network is a plain value: `Net` in float32, `QuantizedNet` in integer codes; functions take one and return another.
"""

from __future__ import annotations

from .model import Net, accuracy, cross_entropy, forward, init, layer_inputs
from .training import train
from .quantized import Dynamic, QuantizedLayer, QuantizedNet, forward_quantized, linear
from .ptq import input_params, ptq_dynamic, ptq_static, quantize_net
from .integers import IntegerLayer, IntegerNet, deploy, forward_codes, forward_integer, integer_linear
from .qat import train_lsq, train_qat
from .reconstruction import reconstruct
from .saved import load, save
from . import export

__all__ = [
    "Net", "init", "forward", "layer_inputs", "cross_entropy", "accuracy", "train",
    "Dynamic", "QuantizedLayer", "QuantizedNet", "forward_quantized", "linear",
    "ptq_static", "ptq_dynamic", "input_params", "quantize_net", "train_qat", "train_lsq",
    "IntegerNet", "IntegerLayer", "deploy", "forward_integer", "forward_codes", "integer_linear",
    "reconstruct", "save", "load", "export",
]
