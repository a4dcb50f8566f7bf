"""Experiments on text, beside those that `compare --task text` records: each a function of a task's seed and epochs."""

from __future__ import annotations

from typing import Any

from .... import lm
from ....grids import IntGrid
from ...compare.tasks import Task
from ...compare.text.methods import METHODS, STATIC_LEAST, Shared, Width, model, stream
from ...compare.text.run import Plan, made_of, prepare
from .observe import Observation

LONGER, LEAST, GPTQ, LSQ = "float-longer", "output-mse-static-mse", "gptq-static-mse", "qat-lsq"
USUAL, CAPITALS = "as it is", "capital letters"
#: What inputs are calibrated by -> how many windows of the training text; None: all.
SEEN = {"1 window": 1, "8 windows": 8, "all": None}


def _prepared(task: Task) -> tuple[Plan, Shared]:
    """The float model of `compare --task text` and the one trained longer, in as many steps as that has epochs."""
    share = task.plan.epochs / 60
    plan = Plan(lm.alice(), round(1500 * share), round(300 * share))
    return plan, prepare(plan, task.seed)[0]


def text_data(task: Task) -> list[Observation]:
    """Text: A8 and A4 calibrated by 1 window, 8 windows or all; QAT, PTQ and float training on the text in capital
    letters."""
    plan, shared = _prepared(task)
    symbols, train, _ = shared.split
    records = []
    for seen, n in SEEN.items():
        codes = train if n is None else train[:n * shared.model.sizes.context + 1]
        for bits in (8, 4):
            made = lm.ptq(shared.model, codes, inputs=STATIC_LEAST.on(IntGrid(bits, signed=False)))
            records.append(_observed(plan, shared, "static-mse", made, Width(inputs=bits), data=seen,
                                     calibration_characters=len(codes) - 1))
    capitals = lm.encode(lm.decode(train, symbols).upper(), symbols)
    longer = lm.train(shared.model, capitals, rng=stream(task.seed, "qat"), steps=plan.qat_steps, lr=2e-3)
    other = shared._replace(split=shared.split._replace(train=capitals), longer=longer)
    for data, here in ((USUAL, shared), (CAPITALS, other)):
        records += [_observed(plan, shared, name, model(METHODS[name], width, here), width, data=data)
                    for name, width in ((LONGER, Width()), (GPTQ, Width(4, 4)), (LSQ, Width(4, 4)))]
    return records


def text_scratch(task: Task) -> list[Observation]:
    """Text: W4A4 and W2A8, QAT in all steps from the first weights on, and QAT in the last sixth of as many."""
    plan, shared = _prepared(task)
    first, steps = lm.init(stream(task.seed, "init"), shared.split.symbols), plan.steps + plan.qat_steps
    records = []
    for width in (Width(4, 4), Width(2, 8)):
        records.append(_observed(plan, shared, LSQ, model(METHODS[LSQ], width, shared), width))
        start: Any = model(METHODS[LEAST], width, shared._replace(model=first))
        made = lm.train_lsq(first, shared.split.train, start, rng=stream(task.seed, "train"), steps=steps, lr=1e-2)
        records.append(_observed(plan, shared, LSQ, made, width, float_training_steps=0, training_steps=steps))
    return [{**r, "start": "in float" if r["float_training_steps"] else "from scratch"} for r in records]


def _observed(plan: Plan, shared: Shared, name: str, made: lm.LM, width: Width, **where: Any) -> Observation:
    """Bits per character on the held-out tenth, and what the model is made of."""
    return {"seed": shared.seed, "method": name, "weight_bits": width.weights, "activation_bits": width.inputs,
            **made_of(METHODS[name], plan), **where,
            "bits_per_character": lm.bits_per_character(made, shared.split.held_out), "model_bytes": made.nbytes}
