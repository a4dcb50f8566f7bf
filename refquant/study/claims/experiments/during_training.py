"""Experiments on quantization-aware training, against its controls: each a pure function of a task."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....affine import AffineParams, fake_quantize
from ....arguments import Reals
from ....metrics import sqnr_db
from ....mlp import Net, QuantizedNet
from ....mlp.model import flatten, net_of, targets
from ....mlp.optim import sgd
from ....mlp.qat import learned_steps_problem
from ....mlp.training import descend, minibatches
from ...compare.during_training import float_longer
from ...compare.network import logits
from ...compare.recipe import FLOAT
from ...compare.tasks import Task, float_net, stream
from ...datasets import Data
from .after_training import MSE, NAIVE, STRONG
from .observe import Observation, first, made, observed, recipe, tested, with_training

LSQ, STE, STE_MSE, MOVING = "qat-lsq", "qat-ste-minmax", "qat-ste-mse", "qat-ste-moving"
IN_FLOAT = f"{LSQ}-in-float"


def learned(task: Task, bits: int, *, epochs: int | None = None, by_sgd: bool = False) -> tuple[QuantizedNet, Net]:
    """qat-lsq of `compare`, bit for bit, and the float weights that it moved. Plain SGD steps by 0.1, not Adam's 0.003.
    """
    (x, labels), start = task.data.train, made(task, MSE, bits, bits)
    assert isinstance(start, QuantizedNet)
    first: Any = [*(layer.weight for layer in start.layers), *(layer.activation for layer in start.layers)]
    problem = learned_steps_problem(task.net, x, targets("learned", labels, len(x), task.net.sizes[-1]), first)
    schedule: Any = {"rng": stream(task.seed, "qat"), "batch_size": 64, "epochs": task.plan.epochs // 2 if epochs is
                     None else epochs}
    theta = problem.start
    if by_sgd:
        for rows, step, _ in minibatches(len(x), lr=0.1, **schedule):
            theta = sgd(theta, problem.gradient(theta, rows), step)
    else:
        theta = list(descend(theta, problem.gradient, len(x), lr=3e-3, **schedule))[-1]
    return problem.network(theta), net_of(theta[:flatten(task.net).size], task.net.sizes)


def qat(task: Task) -> list[Observation]:
    """W8A8 to W2A2: pairs of PTQ and QAT on the same ranges; strong PTQ; straight-through on moving ranges; and the
    controls: trained longer in float, PTQ of that, QAT's weights in float."""
    longer: Any = float_longer(task)
    of_longer, epochs = task._replace(net=longer), task.plan.epochs + task.plan.epochs // 2
    records = [tested(task, name, net, None, bits=32) for name, net in (("float", task.net), ("float-longer", longer))]
    for bits in (8, 4, 3, 2):
        records += [observed(task, method, (bits, bits), bits=bits)
                    for method in (NAIVE, STE, MSE, STE_MSE, LSQ, STRONG, MOVING)]
        records += [observed(of_longer, method, (bits, bits), called=f"longer-{method}", bits=bits, float_epochs=epochs)
                    for method in (NAIVE, MSE, STRONG)]
        records.append(tested(task, IN_FLOAT, learned(task, bits)[1],
                              FLOAT._replace(training="learned steps", epochs=0.5), bits=bits))
    return records


def _likeness(deployed: QuantizedNet, moved: Net, task: Task) -> dict[str, float]:
    """How much nearer the deployed network's logits are to the training pass's than to those of its float weights."""
    x, y = task.data.test.x, task.data.test.x
    for i, (layer, w, b) in enumerate(zip(deployed.layers, moved.weights, moved.biases, strict=True)):
        assert isinstance(layer.activation, AffineParams)
        y = fake_quantize(np.maximum(y, 0) if i else y, layer.activation) @ fake_quantize(w, layer.weight) + b
    got = logits(deployed, x)
    return {"nearer_to_training_pass_db": min(sqnr_db(y, got), 200.0) - sqnr_db(logits(moved, x), got)}


def data_size(task: Task) -> list[Observation]:
    """W3A3 and W2A2 from 10 to all images, the same for each: PTQ naive and strong; QAT in equally many steps."""
    train, records = task.data.train, []
    steps = task.plan.epochs // 2 * -(-len(train.x) // 64)
    for n in [n for n in (10, 30, 100, 300) if n < len(train.x)] + [len(train.x)]:
        few = with_training(task, first(train, n))
        for bits in (3, 2):
            records += [observed(few, method, (bits, bits), bits=bits, images=n) for method in (NAIVE, STRONG)]
            records.append(observed(few, LSQ, (bits, bits), epochs=steps // -(-n // 64), bits=bits, images=n))
    return records


def representative(task: Task) -> list[Observation]:
    """W4A4 and W2A2, calibrated or trained on all training images, on those without one digit, on darkened ones; and
    the float network trained as long on the same."""
    x, labels = task.data.train
    missing = task.seed % 10
    kinds = {"all": task.data.train, "one digit missing": Data(x[labels != missing], labels[labels != missing]),
             "half as bright": Data(x / 2, labels)}
    records = []
    for kind, data in kinds.items():
        seen = with_training(task, data, task.plan.calibration)
        records += [observed(seen, method, (bits, bits), bits=bits, data=kind)
                    for bits in (4, 2) for method in (NAIVE, STRONG, LSQ, "float-longer")]
    return records


def labels(task: Task) -> list[Observation]:
    """W3A3 and W2A2 from 100 or all images: QAT by their labels, or without, by what the float network says of them."""
    records, x = [], task.data.train.x
    for n in (100, len(x)):
        epochs = task.plan.epochs // 2 * -(-len(x) // 64) // -(-n // 64)
        said: dict[str, Any] = {"labels": task.data.train.labels[:n], "teacher": _softmax(logits(task.net, x[:n]))}
        for name in said:
            taught = with_training(task, Data(x[:n], said[name]), task.plan.calibration)
            records += [observed(taught, LSQ, (bits, bits), epochs=epochs, bits=bits, images=n, taught_by=name)
                        for bits in (3, 2)]
    return records


def _softmax(x: Reals) -> Reals:
    exps = np.exp(x - x.max(axis=1, keepdims=True))
    return np.asarray(exps / exps.sum(axis=1, keepdims=True))


def steps(task: Task) -> list[Observation]:
    """W3A3 and W2A2: QAT in 1/30, 1/10, 1/3, 1 and 10/3 of the usual steps; strong PTQ in none."""
    each, usual = -(-len(task.data.train.x) // 64), task.plan.epochs // 2
    records = [observed(task, STRONG, (bits, bits), bits=bits, steps=0, of_usual="none") for bits in (3, 2)]
    for of_usual, share in (("1/30", 1 / 30), ("1/10", 1 / 10), ("1/3", 1 / 3), ("1", 1), ("10/3", 10 / 3)):
        epochs = max(1, round(usual * share))
        records += [observed(task, LSQ, (bits, bits), epochs=epochs, bits=bits, steps=epochs * each, of_usual=of_usual)
                    for bits in (3, 2)]
    return records


def schedule(task: Task) -> list[Observation]:
    """W3A3 and W2A2, one and a half times the float epochs in all, of which QAT has a tenth, a third, two thirds, all
    or none; then strong PTQ."""
    total, records = task.plan.epochs * 3 // 2, []
    for share in (0.0, 0.1, 1 / 3, 2 / 3, 1.0):
        epochs = round(total * share)
        where: dict[str, Any] = {"qat_percent": round(100 * share), "float_epochs": total - epochs}
        here = task._replace(net=float_net(task.plan, task.data.train, task.seed, epochs=total - epochs))
        for bits in (3, 2):
            if not epochs:
                records.append(observed(here, STRONG, (bits, bits), bits=bits, **where))
                continue
            deployed, moved = learned(here, bits, epochs=epochs)
            record = {**tested(here, LSQ, deployed, recipe(here, LSQ, epochs), bits=bits, **where),
                      **_likeness(deployed, moved, here)}
            # logits of random weights are no reference
            records.append(record if epochs < total else {**record, "logit_sqnr_db": None})
    return records


def optimizers(task: Task) -> list[Observation]:
    """W4A4, W3A3 and W2A2: learned steps, by Adam or by plain SGD."""
    return [tested(task, LSQ, learned(task, bits, by_sgd=name == "SGD")[0], None, bits=bits, optimizer=name)
            for name in ("Adam", "SGD") for bits in (4, 3, 2)]
