"""Methods that train: in float, or with quantization in the loop (QAT). watch: each_epoch, as mlp.train takes it."""
from __future__ import annotations

from typing import Any

from ... import mlp
from ...grids import IntGrid
from .network import Network
from .tasks import Task, stream


def float_network(task: Task, *_: IntGrid) -> Network:
    """float32, trained for 60 epochs: what all others start from, or are compared with."""
    return task.net


def float_longer(task: Task, *_: IntGrid, **watch: Any) -> Network:
    """The float network trained as much longer as QAT is (30 epochs): QAT's control."""
    return mlp.train(task.net, *task.data.train, rng=stream(task.seed, "qat"), epochs=task.plan.epochs // 2,
                     **watch)


def qat_ste(task: Task, weights: IntGrid, activations: IntGrid, **watch: Any) -> Network:
    """QAT: the float network fine-tuned for 30 epochs with straight-through gradients."""
    return mlp.train_qat(task.net, *task.data.train, rng=stream(task.seed, "qat"), weight_grid=weights,
                         activation_grid=activations, epochs=task.plan.epochs // 2, **watch)


def qat_ste_scratch(task: Task, weights: IntGrid, activations: IntGrid, **watch: Any) -> Network:
    """QAT from scratch: straight-through gradients for all 90 epochs, from the same initial weights."""
    return mlp.train_qat(mlp.init(stream(task.seed, "init"), task.plan.sizes), *task.data.train,
                         rng=stream(task.seed, "train"), weight_grid=weights, activation_grid=activations,
                         epochs=task.plan.epochs + task.plan.epochs // 2, **watch)


def qat_lsq(task: Task, weights: IntGrid, activations: IntGrid, **watch: Any) -> Network:
    """QAT: the float network fine-tuned for 30 epochs with learned steps (LSQ)."""
    return mlp.train_lsq(task.net, *task.data.train, rng=stream(task.seed, "qat"), weight_grid=weights,
                         activation_grid=activations, epochs=task.plan.epochs // 2, **watch)
