"""What the methods make: float networks and networks of integer codes."""

from __future__ import annotations

from itertools import count, takewhile
from typing import TypeAlias

import numpy as np

from ... import arguments, mlp
from ...arguments import Reals

Network: TypeAlias = mlp.Net | mlp.QuantizedNet


def logits(network: Network, x: Reals) -> Reals:
    """64 rows at a time: products this small run in one BLAS thread, so results do not depend on their number."""
    batches = (x[i:i + 64] for i in range(0, len(x), 64))
    if isinstance(network, mlp.Net):
        return np.concatenate([mlp.forward(network, batch) for batch in batches])
    return np.concatenate([mlp.forward_quantized(network, batch) for batch in batches])


def read_net(path: str) -> mlp.Net:
    """A float network from a .npz file: weights_0 (n_in, n_out), biases_0 (n_out,), weights_1 and so on.

    >>> import tempfile
    >>> net = mlp.init(np.random.default_rng(0), (4, 3, 2))
    >>> arrays = {f"{kind}_{i}": a for kind in ("weights", "biases") for i, a in enumerate(getattr(net, kind))}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/net.npz", **arrays)
    ...     read_net(f"{folder}/net.npz") == net
    True
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            layers = list(takewhile(lambda i: f"weights_{i}" in arrays, count()))
            if {f"{kind}_{i}" for kind in ("weights", "biases") for i in layers} != set(arrays):
                raise ValueError(f"arrays {', '.join(arrays)}")
            return mlp.Net(weights=tuple(arrays[f"weights_{i}"] for i in layers),
                           biases=tuple(arrays[f"biases_{i}"] for i in layers))
    except Exception as cause:  # zipfile and NumPy raise many kinds on damaged bytes
        why = str(cause).split(". Hint:")[0] or type(cause).__name__
        raise arguments.error(ValueError, "refquant compare", "`--net` must be a .npz file of the arrays weights_0 "
                              "(n_in, n_out), biases_0 (n_out,), weights_1 and so on", f"{path!r} ({why})",
                              "np.savez(FILE, weights_0=w, biases_0=b) writes one; PyTorch's need .T") from cause
