"""What the methods make: float networks, networks of integer codes, and networks with weights in blocks."""
from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ... import mlp
from ...affine import AffineParams, fake_quantize
from ...arguments import Reals
from ...blocks import bits_per_value, join_blocks, split_blocks
from ...calibration import dynamic_params
from ...grids import IntGrid
from ...ranges import symmetric_params


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


Network: TypeAlias = mlp.Net | mlp.QuantizedNet | BlockNet


def logits(network: Network, x: Reals) -> Reals:
    """64 rows at a time: products this small run in one BLAS thread, so results do not depend on their number."""
    forward = (network.forward if isinstance(network, BlockNet) else partial(mlp.forward, network)
               if isinstance(network, mlp.Net) else partial(mlp.forward_quantized, network))
    return np.concatenate([forward(x[i:i + 64]) for i in range(0, len(x), 64)])
