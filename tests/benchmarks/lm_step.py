"""One training step of the small language model, here and in PyTorch eager.

    python tests/benchmarks/lm_step.py

Both: 2 layers, width 64, 4 heads, 16 windows of 64 characters, RMSNorm with gains, ReLU, no biases, cross-entropy,
Adam; the same first weights; one thread each, taken in turns in one process. PyTorch's attention is fused
(scaled_dot_product_attention) or written out. Needs the extra `conformance`.
"""

from collections.abc import Callable
from typing import Any

from measure import HEAD, Row, compared, markdown

import numpy as np

from refquant import lm

SYMBOLS, SIZES, BATCH, STEPS, ROUNDS = "".join(map(chr, range(72))), lm.Sizes(), 16, 20, 20


def numpy_steps(model: Any, codes: Any, steps: int) -> Callable[[], Any]:
    """Steps of lm.train."""
    return lambda: lm.train(model, codes, rng=np.random.default_rng(0), steps=steps, batch=BATCH)


def torch_steps(model: Any, codes: Any, steps: int, fused: bool) -> Callable[[], Any]:
    """The same in PyTorch eager; returns its last loss."""
    import torch
    from torch.nn import functional as f

    torch.set_num_threads(1)
    sizes, text = model.sizes, torch.tensor(codes)
    unseen = torch.triu(torch.ones(sizes.context, sizes.context, dtype=torch.bool), 1)

    def attention(q: Any, k: Any, v: Any) -> Any:
        if fused:
            return f.scaled_dot_product_attention(q, k, v, is_causal=True)
        scores = (q @ k.mT) * q.shape[-1] ** -0.5
        return scores.masked_fill(unseen, -torch.inf).softmax(-1) @ v

    def logits(a: Any, rows: Any) -> Any:
        n, t = rows.shape
        x = a["embedding"][rows] + a["positions"]
        for i in range(sizes.layers):
            qkv = f.rms_norm(x, (sizes.width,), a[f"{i}.qkv gains"], 1e-5) @ a[f"{i}.qkv"]
            q, k, v = qkv.view(n, t, 3, sizes.heads, -1).permute(2, 0, 3, 1, 4)
            x = x + attention(q, k, v).transpose(1, 2).reshape(n, t, -1) @ a[f"{i}.out"]
            h = f.rms_norm(x, (sizes.width,), a[f"{i}.up gains"], 1e-5) @ a[f"{i}.up"]
            x = x + f.relu(h) @ a[f"{i}.down"]
        return f.rms_norm(x, (sizes.width,), a["head gains"], 1e-5) @ a["head"]

    def run() -> Any:
        a = {name: torch.tensor(value).requires_grad_() for name, value in model.arrays.items()}
        optimizer, rng = torch.optim.Adam(a.values(), lr=1e-2), np.random.default_rng(0)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for _ in range(steps):
            starts = rng.integers(0, len(codes) - sizes.context, (BATCH, 1))
            rows = torch.tensor(starts + np.arange(sizes.context))
            loss = f.cross_entropy(logits(a, text[rows]).flatten(0, 1), text[rows + 1].flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        return {name: value.detach().numpy() for name, value in a.items()}
    return run


def rows(rounds: int = ROUNDS, steps: int = STEPS, sizes: Any = SIZES) -> list[Row]:
    """Milliseconds a step, against both attentions."""
    model = lm.init(np.random.default_rng(0), SYMBOLS, sizes)
    codes = np.random.default_rng(1).integers(0, len(SYMBOLS), 10_000)
    peers = {f"PyTorch eager, {name} attention": (torch_steps(model, codes, steps, fused), 1.0)
             for name, fused in (("fused", True), ("written-out", False))}
    found = compared(f"a training step of the language model, width {sizes.width}",
                     numpy_steps(model, codes, steps), peers, rounds)
    return [row._replace(ours=row.ours / steps, theirs=row.theirs / steps) for row in found]


if __name__ == "__main__":
    print(markdown(HEAD, [row.cells() for row in rows()]))
