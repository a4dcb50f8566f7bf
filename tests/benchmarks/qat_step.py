"""One QAT step of the network 64-64-32-10 at batch 64, here and in PyTorch eager.

    python tests/benchmarks/qat_step.py

Both: weights symmetric by their largest value, inputs affine by a moving min-max, straight-through gradients, Adam; one
thread each, taken in turns in one process; the median over rounds, and the spread between the quartiles. Needs the
extra `conformance`.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from measure import Row, in_turns, milliseconds

import numpy as np

from refquant import mlp
from refquant.grids import IntGrid, UINT8

SIZES, BATCH, STEPS, ROUNDS = (64, 64, 32, 10), 64, 200, 20


def numpy_steps(x: Any, labels: Any) -> Callable[[], None]:
    """STEPS steps of train_qat: one epoch of STEPS batches."""
    net = mlp.init(np.random.default_rng(0), SIZES)

    def run() -> None:
        mlp.train_qat(net, x, labels, rng=np.random.default_rng(0), epochs=1, batch_size=BATCH,
                      weight_grid=IntGrid(8, narrow=True), activation_grid=UINT8)
    return run


def torch_steps(x: Any, labels: Any) -> Callable[[], None]:
    """The same in PyTorch eager, with fake_quantize_per_tensor_affine and torch.optim.Adam."""
    import torch

    torch.set_num_threads(1)
    inputs, targets = torch.tensor(x), torch.tensor(labels)
    layers = [torch.nn.Linear(i, o) for i, o in pairwise(SIZES)]
    fake = torch.fake_quantize_per_tensor_affine

    def run() -> None:
        optimizer = torch.optim.Adam([p for layer in layers for p in layer.parameters()], lr=3e-3)
        ranges = [(torch.tensor(0.0), torch.tensor(1.0))] * len(layers)
        order = torch.randperm(len(inputs))
        for start in range(0, len(inputs), BATCH):
            batch = order[start:start + BATCH]
            a = inputs[batch]
            for i, layer in enumerate(layers):
                a = torch.relu(a) if i else a
                with torch.no_grad():
                    lo, hi = ranges[i]
                    lo, hi = 0.95 * lo + 0.05 * a.min(), 0.95 * hi + 0.05 * a.max()
                    ranges[i] = lo, hi
                    scale = (hi.clamp(min=0) - lo.clamp(max=0)) / 255
                    zero_point = torch.round(-lo.clamp(max=0) / scale).to(torch.int32)
                    step = layer.weight.abs().max() / 127
                w = fake(layer.weight, step, torch.zeros((), dtype=torch.int32), -127, 127)
                a = torch.nn.functional.linear(fake(a, scale, zero_point, 0, 255), w, layer.bias)
            loss = torch.nn.functional.cross_entropy(a, targets[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return run


def milliseconds_per_step(run: Callable[[], None]) -> float:
    return milliseconds(run) / STEPS


def row(rounds: int = ROUNDS) -> Row:
    rng = np.random.default_rng(0)
    x, labels = rng.random((BATCH * STEPS, SIZES[0]), np.float32), rng.integers(0, SIZES[-1], BATCH * STEPS)
    times = in_turns((numpy_steps(x, labels), torch_steps(x, labels)), rounds) / STEPS
    return Row(f"a QAT step, {'-'.join(map(str, SIZES))}, batch {BATCH}", "PyTorch eager", *times.T)


def main() -> None:
    import torch

    found = row()
    for name, column in ((f"refquant, NumPy {np.__version__}", found.ours),
                         (f"PyTorch {torch.__version__} eager", found.theirs)):
        print(f"{name:34} {np.median(column):7.3f} ms per step")
    low, middle, high = np.percentile(found.theirs / found.ours, [25, 50, 75])
    print(f"PyTorch / refquant: {middle:.2f} (quartiles {low:.2f} to {high:.2f}, {ROUNDS} rounds of {STEPS} steps)")


if __name__ == "__main__":
    main()
