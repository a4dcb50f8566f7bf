"""What nobody says of weights and inputs: INT8 without its lowest code, and UINT8, whoever quantizes."""

from typing import Any

import numpy as np
import pytest

import refquant as rq
from refquant import mlp

X, LABELS, NET = np.eye(2), [0, 1], mlp.init(np.random.default_rng(0), (2, 3, 2))


@pytest.mark.parametrize("quantized", [
    lambda: mlp.ptq_static(NET, [X]), lambda: mlp.ptq_dynamic(NET),
    lambda: mlp.train_qat(NET, X, LABELS, rng=np.random.default_rng(0), epochs=1),
    lambda: mlp.train_lsq(NET, X, LABELS, rng=np.random.default_rng(0), epochs=1)],
    ids=["ptq_static", "ptq_dynamic", "train_qat", "train_lsq"])
def test_grids(quantized: Any) -> None:
    for layer in quantized().layers:
        assert (layer.weight.grid, layer.activation.grid) == (rq.IntGrid(8, narrow=True), rq.UINT8)
        assert layer.weight.scale.shape == ()
