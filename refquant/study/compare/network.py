"""What the methods make: float networks and networks of integer codes."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from ... import mlp
from ...arguments import Reals

Network: TypeAlias = mlp.Net | mlp.QuantizedNet


def logits(network: Network, x: Reals) -> Reals:
    """64 rows at a time: products this small run in one BLAS thread, so results do not depend on their number."""
    batches = (x[i:i + 64] for i in range(0, len(x), 64))
    if isinstance(network, mlp.Net):
        return np.concatenate([mlp.forward(network, batch) for batch in batches])
    return np.concatenate([mlp.forward_quantized(network, batch) for batch in batches])
