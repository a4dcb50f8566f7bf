"""Experiments on quantization-aware training, against its controls: each a pure function of a task."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....arguments import Reals
from ....mlp import Net, QuantizedNet
from ....mlp.model import flatten, net_of, targets
from ....mlp.qat import learned_steps_problem
from ....mlp.training import descend
from ...compare.during_training import float_longer
from ...compare.network import logits
from ...compare.recipe import FLOAT
from ...compare.tasks import Task, float_net, stream
from ...datasets import Data
from .after_training import GPTQ, LSQ, MSE, NAIVE, STRONG
from .observe import Observation, first, made, observed, tested, with_training

STE, STE_MSE = "qat-ste-minmax", "qat-ste-mse"
IN_FLOAT = f"{LSQ}-in-float"


def learned(task: Task, bits: int) -> tuple[QuantizedNet, Net]:
    """qat-lsq of `compare`, bit for bit, and the float weights that it moved."""
    (x, labels), start = task.data.train, made(task, MSE, bits, bits)
    assert isinstance(start, QuantizedNet)
    first: Any = [*(layer.weight for layer in start.layers), *(layer.activation for layer in start.layers)]
    problem = learned_steps_problem(task.net, x, targets("learned", labels, len(x), task.net.sizes[-1]), first)
    theta = list(descend(problem.start, problem.gradient, len(x), rng=stream(task.seed, "qat"), batch_size=64,
                         epochs=task.plan.epochs // 2, lr=3e-3))[-1]
    return problem.network(theta), net_of(theta[:flatten(task.net).size], task.net.sizes)


def qat(task: Task) -> list[Observation]:
    """W8A8 to W2A2: pairs of PTQ and QAT on the same ranges, and strong PTQ; and the controls: trained longer in
    float, PTQ of that, QAT's weights in float."""
    of_longer, records = _longer(task)
    for bits in (8, 4, 3, 2):
        slow = (STE_MSE,) * (bits in (4, 2))
        records += [observed(task, method, (bits, bits), bits=bits)
                    for method in (NAIVE, STE, MSE, GPTQ, STRONG, LSQ, *slow)]
        records += [_of_longer(of_longer, method, bits) for method in (NAIVE, MSE, GPTQ, STRONG)]
        records.append(tested(task, IN_FLOAT, learned(task, bits)[1],
                              FLOAT._replace(training="learned steps", epochs=0.5), bits=bits))
    return records


def _longer(task: Task) -> tuple[Task, list[Observation]]:
    """The task of the float network trained as long as QAT, and the records of both float networks."""
    net: Any = float_longer(task)
    return task._replace(net=net), [tested(task, "float", task.net, None, bits=32),
                                    tested(task, "float-longer", net, None, bits=32)]


def _of_longer(task: Task, method: str, bits: int) -> Observation:
    epochs = task.plan.epochs + task.plan.epochs // 2
    return observed(task, method, (bits, bits), called=f"longer-{method}", bits=bits, float_epochs=epochs)


def sizes(task: Task) -> list[Observation]:
    """Two other networks, with hidden layers of 64 and 64, and of 128 and 64: what W4A4 and W2A2 lose by min-max, and
    what QAT gains over strong PTQ."""
    records = []
    for hidden in ((64, 64), (128, 64)):
        plan = task.plan._replace(sizes=(task.plan.sizes[0], *hidden, task.plan.sizes[-1]))
        here = task._replace(plan=plan, net=float_net(plan, task.data.train, task.seed))
        of_longer, found = _longer(here)
        for bits in (4, 2):
            found += [observed(here, method, (bits, bits), bits=bits) for method in (NAIVE, LSQ)]
            found.append(_of_longer(of_longer, STRONG, bits))
        records += [{**r, "hidden": "-".join(map(str, hidden))} for r in found]
    return records


def data_size(task: Task) -> list[Observation]:
    """W8A8 to W2A2 from 10, 30 (below 8 bits), 100, 300 (below 8 bits) and all images, the same for each: PTQ from the
    simplest to the strongest; QAT in equally many steps."""
    train, records = task.data.train, [tested(task, "float", task.net, None, bits=32)]
    steps, every = task.plan.epochs // 2 * -(-len(train.x) // 64), len(train.x)
    for n in [n for n in (10, 30, 100, 300) if n < every] + [every]:
        few = with_training(task, first(train, n))
        for bits in (4, 3, 2) if n in (30, 300) else (8, 4, 3, 2):
            records += [observed(few, method, (bits, bits), bits=bits, images=n)
                        for method in (NAIVE, MSE, GPTQ, STRONG)]
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
                    for bits in (4, 2) for method in (STRONG, LSQ, "float-longer")]
    return records


def labels(task: Task) -> list[Observation]:
    """W4A4 and W2A2. The float network is trained on one half of the images; QAT, and as a control float training, on
    100 or all of the other half: by their labels, or without, by what the float network says of them."""
    x, known = task.data.train
    half = len(x) // 2
    net = float_net(task.plan, Data(x[:half], known[:half]), task.seed)
    here, new = task._replace(net=net), x[half:]
    steps, records = task.plan.epochs // 2 * -(-len(new) // 64), list[Observation]()
    for n in [n for n in (100,) if n < len(new)] + [len(new)]:
        said: dict[str, Any] = {"labels": known[half:half + n], "teacher": _softmax(logits(net, new[:n]))}
        for name, truth in said.items():
            taught = with_training(here, Data(new[:n], truth), task.plan.calibration)
            where: dict[str, Any] = {"epochs": steps // -(-n // 64), "images": n if n < len(new) else "all",
                                     "taught_by": name}
            records += [observed(taught, LSQ, (bits, bits), bits=bits, **where) for bits in (4, 2)]
            records.append(observed(taught, "float-longer", (4, 4), bits=32, **where))
    return records


def _softmax(x: Reals) -> Reals:
    exps = np.exp(x - x.max(axis=1, keepdims=True))
    return np.asarray(exps / exps.sum(axis=1, keepdims=True))


def schedule(task: Task) -> list[Observation]:
    """W4A4 and W2A2, one and a half times the float epochs in all, of which QAT has none (then strong PTQ), a third,
    two thirds, or all."""
    total, records = task.plan.epochs * 3 // 2, []
    for share in (0, 1, 2, 3):
        epochs = round(total * share / 3)
        where: dict[str, Any] = {"qat_percent": round(100 * share / 3), "float_epochs": total - epochs}
        here = task._replace(net=float_net(task.plan, task.data.train, task.seed, epochs=total - epochs))
        found = [observed(here, LSQ if epochs else STRONG, (bits, bits), bits=bits, epochs=epochs or None, **where)
                 for bits in (4, 2)]
        # logits of random weights are no reference
        records += [{**r, "logit_sqnr_db": None} for r in found] if share == 3 else found
    return records
