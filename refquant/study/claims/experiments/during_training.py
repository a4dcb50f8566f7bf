"""Experiments on quantization-aware training, against its controls: each a pure function of a task."""
from __future__ import annotations

import numpy as np

from ....affine import AffineParams, fake_quantize
from ....arguments import Reals
from ....metrics import sqnr_db
from ....mlp import Net, QuantizedNet
from ....mlp.model import flatten, net_of, targets
from ....mlp.optim import sgd
from ....mlp.ptq import WeightRule
from ....mlp.qat import first_steps, learned_steps_problem, moving_ranges, straight_through_problem
from ....mlp.training import Problem, descend, minibatches
from ...compare.during_training import float_longer
from ...compare.network import logits
from ...compare.tasks import Task, float_net, grids, stream
from ...datasets import Data
from .after_training import NAIVE, STRONG
from .observe import Observation, first, made, tested, with_training

LSQ, STE = "qat-lsq", "qat-ste"


def trained(task: Task, bits: int, *, net: Net | None = None, data: Data | None = None, labels: Reals | None = None,
            learned: bool = True, epochs: int | None = None, by_sgd: bool = False) -> tuple[QuantizedNet, Net]:
    """QAT by learned steps or straight-through, and the float weights that it moved.

    Everything left out is as in `compare`: from the task's float network, on its training data, for half the epochs of
    its float training. labels: probabilities instead of classes. Plain SGD steps by 0.1, Adam by 0.003, at first.
    """
    net, data = net or task.net, data or task.data.train
    epochs = task.plan.epochs // 2 if epochs is None else epochs
    p = targets("trained", data.labels if labels is None else labels, len(data.x), net.sizes[-1])
    weights, activations = grids(bits, bits)
    problem = (learned_steps_problem(net, data.x, p, first_steps(net, data.x[:64], WeightRule(weights), activations))
               if learned else straight_through_problem(
                   net, data.x, p, WeightRule(weights), moving_ranges(net, data.x[:64], activations)))
    theta = _descended(problem, len(data.x), stream(task.seed, "qat"), epochs, by_sgd)
    return problem.network(theta), net_of(theta[:flatten(net).size], net.sizes)


def _descended(problem: Problem[QuantizedNet], n: int, rng: np.random.Generator, epochs: int, by_sgd: bool) -> Reals:
    if not by_sgd:
        return [problem.start, *descend(problem.start, problem.gradient, n, rng=rng, epochs=epochs, batch_size=64,
                                        lr=3e-3)][-1]
    theta = problem.start
    for rows, step, _ in minibatches(n, rng=rng, epochs=epochs, batch_size=64, lr=0.1):
        theta = sgd(theta, problem.gradient(theta, rows), step)
    return theta


def qat(task: Task) -> list[Observation]:
    """W8A8 to W2A2: QAT, PTQ naive and strong, and the controls: trained longer in float, QAT's weights in float."""
    longer = float_longer(task)
    assert isinstance(longer, Net)
    of_longer = task._replace(net=longer)
    records = [tested(task, "float", task.net, bits=32), tested(task, "float-longer", longer, bits=32)]
    for bits in (8, 4, 3, 2):
        records += [tested(task, method, made(task, method, bits, bits), bits=bits) for method in (NAIVE, STRONG)]
        records += [tested(of_longer, f"longer-{method}", made(of_longer, method, bits, bits), bits=bits)
                    for method in (NAIVE, STRONG)]
        for method in (STE, LSQ):
            deployed, moved = trained(task, bits, learned=method == LSQ)
            records += [{**tested(task, method, deployed, bits=bits), **_likeness(deployed, moved, task)},
                        tested(task, f"{method}-in-float", moved, bits=bits)]
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
        few = first(train, n)
        for bits in (3, 2):
            records += [tested(task, method, made(with_training(task, few), method, bits, bits), bits=bits, images=n)
                        for method in (NAIVE, STRONG)]
            tuned = trained(task, bits, data=few, epochs=steps // -(-n // 64))[0]
            records.append(tested(task, LSQ, tuned, bits=bits, images=n))
    return records


def representative(task: Task) -> list[Observation]:
    """W4A4 and W2A2, calibrated or trained on all training images, on those without one digit, on darkened ones."""
    x, labels = task.data.train
    missing = task.seed % 10
    kinds = {"all": task.data.train, "one digit missing": Data(x[labels != missing], labels[labels != missing]),
             "half as bright": Data(x / 2, labels)}
    records = []
    for kind, data in kinds.items():
        for bits in (4, 2):
            seen = with_training(task, data, task.plan.calibration)
            networks = {**{method: made(seen, method, bits, bits) for method in (NAIVE, STRONG)},
                        LSQ: trained(task, bits, data=data)[0]}
            records += [tested(task, method, network, bits=bits, data=kind) for method, network in networks.items()]
    return records


def labels(task: Task) -> list[Observation]:
    """W3A3 and W2A2 from 100 or all images: QAT by their labels, or without, by what the float network says of them."""
    records = []
    for n in (100, len(task.data.train.x)):
        data = first(task.data.train, n)
        for bits in (3, 2):
            epochs = task.plan.epochs // 2 * -(-len(task.data.train.x) // 64) // -(-n // 64)
            for name, said in (("labels", None), ("teacher", _softmax(logits(task.net, data.x)))):
                network = trained(task, bits, data=data, labels=said, epochs=epochs)[0]
                records.append(tested(task, LSQ, network, bits=bits, images=n, taught_by=name))
    return records


def _softmax(x: Reals) -> Reals:
    exps = np.exp(x - x.max(axis=1, keepdims=True))
    return np.asarray(exps / exps.sum(axis=1, keepdims=True))


def steps(task: Task) -> list[Observation]:
    """W3A3 and W2A2: QAT in 1/30, 1/10, 1/3, 1 and 10/3 of the usual steps; strong PTQ in none."""
    each, usual = -(-len(task.data.train.x) // 64), task.plan.epochs // 2
    records = [tested(task, STRONG, made(task, STRONG, bits, bits), bits=bits, steps=0, of_usual="none")
               for bits in (3, 2)]
    for of_usual, share in (("1/30", 1 / 30), ("1/10", 1 / 10), ("1/3", 1 / 3), ("1", 1), ("10/3", 10 / 3)):
        epochs = max(1, round(usual * share))
        records += [tested(task, LSQ, trained(task, bits, epochs=epochs)[0], bits=bits, steps=epochs * each,
                           of_usual=of_usual) for bits in (3, 2)]
    return records


def schedule(task: Task) -> list[Observation]:
    """W3A3 and W2A2, one and a half times the float epochs in all, of which QAT has a tenth, a third, two thirds, all
    or none; then strong PTQ."""
    total, records = task.plan.epochs * 3 // 2, []
    for share in (0.0, 0.1, 1 / 3, 2 / 3, 1.0):
        epochs = round(total * share)
        net = float_net(task.plan, task.data.train, task.seed, epochs=total - epochs)
        here, percent = task._replace(net=net), round(100 * share)
        for bits in (3, 2):
            if not epochs:
                records.append(tested(here, STRONG, made(here, STRONG, bits, bits), bits=bits, qat_percent=percent))
                continue
            deployed, moved = trained(here, bits, epochs=epochs)
            record = {**tested(here, LSQ, deployed, bits=bits, qat_percent=percent), **_likeness(deployed, moved, here)}
            # logits of random weights are no reference
            records.append(record if epochs < total else {**record, "logit_sqnr_db": None})
    return records


def optimizers(task: Task) -> list[Observation]:
    """W4A4, W3A3 and W2A2: straight-through or learned steps, by Adam or by plain SGD."""
    return [tested(task, method, trained(task, bits, learned=method == LSQ, by_sgd=by_sgd)[0], bits=bits,
                   optimizer="SGD" if by_sgd else "Adam")
            for method in (STE, LSQ) for by_sgd in (False, True) for bits in (4, 3, 2)]
