"""The methods that a comparison compares: one table from names to functions, and the networks that they make."""
from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ... import mlp
from ...affine import AffineParams, fake_quantize
from ...arguments import Reals
from ...blocks import bits_per_value, join_blocks, split_blocks
from ...calibration import dynamic_params
from ...clipping import Clip, aciq_gaussian, aciq_laplace, entropy, lp_optimal, minmax, mse_optimal, octav, percentile
from ...grids import IntGrid
from ...methods import adaround, cross_layer_equalization
from ...mlp.reconstruct import Rounding, nearest, reconstruct
from ...observers import Observer, histogram_observer, minmax_observer
from ...ranges import symmetric_params
from .tasks import Network, Run, Task, stream

# ---------------------------------------------------------------------------------------------- the methods

def float_network(task: Task, *_: IntGrid) -> Network:
    """float32, trained for 60 epochs: what all others start from, or are compared with."""
    return task.net


def float_longer(task: Task, *_: IntGrid) -> Network:
    """The float network trained as much longer as QAT is (30 epochs): QAT's control."""
    return mlp.train(task.net, *task.data.train, rng=stream(task.seed, "qat"), epochs=task.plan.epochs // 2)


def ptq_static_minmax(task: Task, weights: IntGrid, activations: IntGrid) -> Network:
    """PTQ, static: weights per tensor by their largest value, inputs by min-max of the calibration images."""
    return _static(task, weights, activations, minmax_observer)


def ptq_static_percentile(task: Task, weights: IntGrid, activations: IntGrid) -> Network:
    """PTQ, static: as minmax, but inputs by the 0.1th and 99.9th percentile of the calibration images."""
    return _static(task, weights, activations, histogram_observer(partial(percentile, percent=99.9)))


def ptq_static_mse(task: Task, weights: IntGrid, activations: IntGrid) -> Network:
    """PTQ, static: ranges of least mean square error; weights per output channel."""
    return mlp.ptq_static(task.net, task.calibration, weight_grid=weights, activation_grid=activations, weight_axis=0,
                          weight_clip=partial(mse_optimal, grid=weights, fit=symmetric_params),
                          observer=histogram_observer(partial(mse_optimal, grid=activations)))


def ptq_dynamic_tensor(task: Task, weights: IntGrid, activations: IntGrid) -> Network:
    """PTQ, dynamic per tensor: weights as minmax, inputs by min-max of each batch of 64."""
    return mlp.ptq_dynamic(task.net, weight_grid=weights, activation_grid=activations, axis=None)


def ptq_dynamic_row(task: Task, weights: IntGrid, activations: IntGrid) -> Network:
    """PTQ, dynamic per row: weights as minmax, inputs by min-max of each image alone."""
    return mlp.ptq_dynamic(task.net, weight_grid=weights, activation_grid=activations, axis=-1)


def qat_ste(task: Task, weights: IntGrid, activations: IntGrid) -> Network:
    """QAT: the float network fine-tuned for 30 epochs with straight-through gradients."""
    return mlp.train_qat(task.net, *task.data.train, rng=stream(task.seed, "qat"), weight_grid=weights,
                         activation_grid=activations, epochs=task.plan.epochs // 2)


def qat_ste_scratch(task: Task, weights: IntGrid, activations: IntGrid) -> Network:
    """QAT from scratch: straight-through gradients for all 90 epochs, from the same initial weights."""
    return mlp.train_qat(mlp.init(stream(task.seed, "init"), task.plan.sizes), *task.data.train,
                         rng=stream(task.seed, "train"), weight_grid=weights, activation_grid=activations,
                         epochs=task.plan.epochs + task.plan.epochs // 2)


def qat_lsq(task: Task, weights: IntGrid, activations: IntGrid) -> Network:
    """QAT: the float network fine-tuned for 30 epochs with learned steps (LSQ)."""
    return mlp.train_lsq(task.net, *task.data.train, rng=stream(task.seed, "qat"), weight_grid=weights,
                         activation_grid=activations, epochs=task.plan.epochs // 2)


def ptq_static_mse_tensor(task: Task, weights: IntGrid, activations: IntGrid) -> Network:
    """PTQ, static: ranges of least mean square error, for weights and inputs, per tensor, as the rules that follow."""
    return _by_rule(task, weights, activations, partial(mse_optimal, fit=symmetric_params), mse_optimal)


def ptq_static_l3(task: Task, weights: IntGrid, activations: IntGrid) -> Network:
    """PTQ, static: ranges of least mean |error|**3."""
    cubic = partial(lp_optimal, p=3)
    return _by_rule(task, weights, activations, partial(cubic, fit=symmetric_params), cubic)


def ptq_static_entropy(task: Task, weights: IntGrid, activations: IntGrid) -> Network:
    """PTQ, static: ranges by TensorRT's entropy procedure."""
    return _by_rule(task, weights, activations, entropy, entropy)


def ptq_static_aciq_gaussian(task: Task, weights: IntGrid, activations: IntGrid) -> Network:
    """PTQ, static: ranges by ACIQ as if Gaussian; inputs one-sided."""
    return _by_rule(task, weights, activations, aciq_gaussian, partial(aciq_gaussian, one_sided=True))


def ptq_static_aciq_laplace(task: Task, weights: IntGrid, activations: IntGrid) -> Network:
    """PTQ, static: ranges by ACIQ as if Laplace; inputs one-sided."""
    return _by_rule(task, weights, activations, aciq_laplace, partial(aciq_laplace, one_sided=True))


def ptq_static_octav(task: Task, weights: IntGrid, activations: IntGrid) -> Network:
    """PTQ, static: ranges by OCTAV; inputs one-sided."""
    return _by_rule(task, weights, activations, octav, partial(octav, one_sided=True))


def ptq_static_channel(task: Task, weights: IntGrid, activations: IntGrid) -> Network:
    """PTQ, static: as minmax, but weights with a scale for each output channel."""
    return mlp.ptq_static(task.net, task.calibration, weight_grid=weights, activation_grid=activations, weight_axis=0)


def ptq_static_block(task: Task, weights: IntGrid, activations: IntGrid) -> Network:
    """PTQ, static: as minmax, but weights with a scale for each block of 16 inputs to an output; simulated in float."""
    static = ptq_static_minmax(task, weights, activations)
    assert isinstance(static, mlp.QuantizedNet)
    return block_net(task.net, [layer.activation for layer in static.layers], weights, 16)


def ptq_static_cle(task: Task, weights: IntGrid, activations: IntGrid) -> Network:
    """PTQ, static: as minmax, after cross-layer equalization of the hidden units' scales (CLE)."""
    w, b = cross_layer_equalization(task.net.weights, task.net.biases)
    return ptq_static_minmax(task._replace(net=mlp.Net(weights=w, biases=b)), weights, activations)


def ptq_static_bias_correction(task: Task, weights: IntGrid, activations: IntGrid) -> Network:
    """PTQ, static: as mse, then each layer's mean error on the calibration images goes into its bias."""
    return _corrected(task, weights, activations, nearest)


def ptq_static_adaround(task: Task, weights: IntGrid, activations: IntGrid) -> Network:
    """PTQ, static: as bias-correction, but each weight is rounded to serve its layer's output (AdaRound)."""
    return _corrected(task, weights, activations, adaround)


METHODS: dict[str, Callable[[Task, IntGrid, IntGrid], Network]] = {
    "float": float_network,
    "float-longer": float_longer,
    "ptq-static-minmax": ptq_static_minmax,
    "ptq-static-percentile-99.9": ptq_static_percentile,
    "ptq-static-mse": ptq_static_mse,
    "ptq-dynamic-tensor": ptq_dynamic_tensor,
    "ptq-dynamic-row": ptq_dynamic_row,
    "qat-ste": qat_ste,
    "qat-ste-scratch": qat_ste_scratch,
    "qat-lsq": qat_lsq,
    "ptq-static-mse-tensor": ptq_static_mse_tensor,
    "ptq-static-l3": ptq_static_l3,
    "ptq-static-entropy": ptq_static_entropy,
    "ptq-static-aciq-gaussian": ptq_static_aciq_gaussian,
    "ptq-static-aciq-laplace": ptq_static_aciq_laplace,
    "ptq-static-octav": ptq_static_octav,
    "ptq-static-channel": ptq_static_channel,
    "ptq-static-block-16": ptq_static_block,
    "ptq-static-cle": ptq_static_cle,
    "ptq-static-bias-correction": ptq_static_bias_correction,
    "ptq-static-adaround": ptq_static_adaround,
}
DEFAULT = tuple(METHODS)[:10]
#: Names for several methods at once.
GROUPS = {
    "default": DEFAULT,
    "rules": ("ptq-static-minmax", "ptq-static-percentile-99.9", *tuple(METHODS)[10:16]),
    "granularities": ("ptq-static-minmax", "ptq-static-channel", "ptq-static-block-16", "ptq-dynamic-tensor",
                      "ptq-dynamic-row"),
    "strong": ("ptq-static-mse", "ptq-static-cle", "ptq-static-bias-correction", "ptq-static-adaround"),
    "all": tuple(METHODS),
}
FLOATS = ("float", "float-longer")


class BlockNet(NamedTuple):
    """A float network whose weights went to codes in blocks and back; inputs static. Blocks cut the sums of a product,
    so it has no single integer product: it is simulated."""

    net: mlp.Net
    inputs: tuple[AffineParams, ...]
    nbytes: int

    def forward(self, x: Reals) -> Reals:
        """(n, n_in) -> (n, n_out) logits."""
        for i, (w, b, params) in enumerate(zip(self.net.weights, self.net.biases, self.inputs, strict=True)):
            x = fake_quantize(np.maximum(x, 0) if i else x, params) @ w + b
        return x


def block_net(net: mlp.Net, inputs: Sequence[Any], grid: IntGrid, size: int) -> BlockNet:
    """The network with symmetric weights in blocks of `size` inputs to one output, the last block shorter."""
    def in_blocks(w: Reals) -> tuple[Reals, int]:
        blocks = split_blocks(w, min(size, len(w)), axis=0)
        params = dynamic_params(blocks, grid, axis=1, fit=symmetric_params)
        bits = bits_per_value(params, w.size) * w.size
        return join_blocks(fake_quantize(blocks, params), 0, len(w)), math.ceil(bits / 8)

    weights, sizes = zip(*map(in_blocks, net.weights), strict=True)
    rest = sum(b.nbytes + 4 + -(-at.grid.bits // 8) for b, at in zip(net.biases, inputs, strict=True))
    return BlockNet(mlp.Net(weights=weights, biases=net.biases), tuple(inputs), sum(sizes) + rest)


def _by_rule(task: Task, weights: IntGrid, activations: IntGrid, weight_rule: Clip, input_rule: Clip) -> Network:
    """Weights and inputs per tensor, by rules that take a grid."""
    return mlp.ptq_static(task.net, task.calibration, weight_grid=weights, activation_grid=activations,
                          weight_clip=partial(weight_rule, grid=weights),
                          observer=histogram_observer(partial(input_rule, grid=activations)))


def _corrected(task: Task, weights: IntGrid, activations: IntGrid, rounding: Rounding) -> Network:
    """On the ranges of mse, layer by layer, biases corrected."""
    static = ptq_static_mse(task, weights, activations)
    assert isinstance(static, mlp.QuantizedNet)
    inputs = [layer.activation for layer in static.layers if isinstance(layer.activation, AffineParams)]
    return reconstruct(task.net, task.calibration, [layer.weight for layer in static.layers], inputs,
                       rounding=rounding, correct=True)


def _static(task: Task, weights: IntGrid, activations: IntGrid, observer: Observer) -> Network:
    return mlp.ptq_static(task.net, task.calibration, weight_grid=weights, activation_grid=activations,
                          weight_clip=minmax, observer=observer)


def networks(task: Task) -> Iterator[Run]:
    """Every method of the plan at every width; the float ones once."""
    for method in (method for method in METHODS if method in task.plan.methods and method != "float"):
        for bits in (32,) if method in FLOATS else task.plan.bits:
            grids = IntGrid(min(bits, 16), narrow=True), IntGrid(min(bits, 16), signed=False)
            began = time.perf_counter()
            network = METHODS[method](task, *grids)
            yield Run(method, bits, network, time.perf_counter() - began)


def logits(network: Network, x: Reals) -> Reals:
    """64 rows at a time: products this small run in one BLAS thread, so results do not depend on their number."""
    forward = (network.forward if isinstance(network, BlockNet) else partial(mlp.forward, network)
               if isinstance(network, mlp.Net) else partial(mlp.forward_quantized, network))
    return np.concatenate([forward(x[i:i + 64]) for i in range(0, len(x), 64)])
