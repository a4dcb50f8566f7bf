"""Layer by layer: batches without rows."""

from typing import Any

import numpy as np

from refquant import mlp

RNG = np.random.default_rng(0)


def parts(net: mlp.Net, x: Any) -> tuple[Any, Any]:
    layers = mlp.ptq_static(net, [x]).layers
    return [layer.weight for layer in layers], [layer.activation for layer in layers]


def test_a_batch_without_rows_among_others() -> None:
    for sizes in ((3, 2), (3, 4, 2)):
        net, x = mlp.init(RNG, sizes), RNG.normal(size=(7, 3)).astype(np.float32)
        weights, inputs = parts(net, x)
        assert mlp.reconstruct(net, [x[:0], x], weights, inputs) == mlp.reconstruct(net, [x], weights, inputs)
