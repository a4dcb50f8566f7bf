"""The table of methods: each says what its model is made of, and model() makes it from that."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .... import lm
from ....calibration import static_params
from ....clipping import mse_optimal
from ....grids import Grid, IntGrid
from ....lm.training import Watch
from ....methods import gptq
from ....observers import histogram_observer
from ....ranges import symmetric_params
from ...plots.style import BLACK, BLUE, GREEN, GREY, INDIGO, ORANGE, PINK, RED, SKY, WINE, look

FLOAT = 32
CALIBRATION = 4096  # characters of the training text
Trainer: TypeAlias = Callable[..., lm.QuantizedLM]


class Width(NamedTuple):
    """Bits of weights, of matrices' inputs, of keys and values; 32 is float32. outliers: what two channels grow by.

    >>> [str(width) for width in (Width(), Width(4, 8), Width(inputs=8, outliers=100), Width(cache=4))]
    ['float32', 'W4A8', 'A8 x100', 'KV4']
    """

    weights: int = FLOAT
    inputs: int = FLOAT
    cache: int = FLOAT
    outliers: int = 1

    def __str__(self) -> str:
        parts = zip(("W", "A", "KV"), (self.weights, self.inputs, self.cache), strict=True)
        bits = "".join(f"{letter}{n}" for letter, n in parts if n < FLOAT)
        return (bits or "float32") + f" x{self.outliers}" * (self.outliers > 1)


class Weights(NamedTuple):
    """How weights get their ranges: the rule, which of them share a scale, and the function that makes it."""

    rule: str
    share: str
    on: Callable[[Grid], lm.WeightRule]


class Inputs(NamedTuple):
    """How the inputs of matrices get their ranges: the rule, what they come from, and the function that makes it."""

    rule: str
    seen: str
    on: Callable[[Grid], Any]


def _least_weights(grid: Grid, **share: Any) -> lm.WeightRule:
    return lm.WeightRule(grid, clip=partial(mse_optimal, grid=grid, fit=symmetric_params), **share)


def _static(grid: Grid) -> Any:
    return partial(static_params, grid=grid)


def _least_inputs(grid: Grid) -> Any:
    return partial(static_params, grid=grid, observer=histogram_observer(partial(mse_optimal, grid=grid)))


NO_WEIGHTS, NO_INPUTS = Weights("none", "none", lm.WeightRule), Inputs("none", "none", _static)
TENSOR = Weights("min-max", "tensor", lm.WeightRule)
OUTPUT = Weights("min-max", "output", partial(lm.WeightRule, axis=0))
LEAST = Weights("least MSE", "output", partial(_least_weights, axis=0))
GROUP = Weights("least MSE", "32 inputs of an output", partial(_least_weights, block=32))
STATIC = Inputs("min-max", "calibration", _static)
STATIC_LEAST = Inputs("least MSE", "calibration", _least_inputs)
BATCH = Inputs("min-max", "each batch", lm.Dynamic)
TOKEN = Inputs("min-max", "each token", partial(lm.Dynamic, axis=-1))


class Method(NamedTuple):
    """What a model is made of. Two methods can be compared fairly if they differ in one of these.

    about: what it does, in a line. widths: where it is tried. style: colour, marker, label. weights, inputs: None for
    float32. rounding: lm.nearest or methods.gptq. smoothed: by SmoothQuant. rotated: which matrices' inputs are, by the
    ends of their names. longer: the float model is trained for as many steps more as QAT takes. train: QAT.
    share: of QAT's steps.
    """

    about: str
    widths: tuple[Width, ...]
    style: dict[str, Any]
    weights: Weights | None = None
    inputs: Inputs | None = None
    rounding: Callable[..., Any] = lm.nearest
    smoothed: bool = False
    rotated: tuple[str, ...] = ()
    longer: bool = False
    train: Trainer | None = None
    share: float = 1.0


class Shared(NamedTuple):
    """What all methods of one seed share."""

    split: lm.Split
    model: lm.LM
    longer: lm.LM
    qat_steps: int
    seed: int

    @property
    def calibration(self) -> Any:
        """The first characters of the training text."""
        return self.split.train[:CALIBRATION + 1]


def model(method: Method, width: Width, shared: Shared, watch: Watch | None = None) -> lm.LM:
    """The method's model at a width; watch sees QAT's steps."""
    base = shared.longer if method.longer else shared.model
    if width == Width():
        return base
    if width.outliers > 1:
        base = lm.with_outliers(base, width.outliers)
    if method.smoothed:
        base = lm.smoothed(base, shared.calibration)
    made = lm.ptq(
        base, shared.calibration, rounding=method.rounding,
        weights=method.weights.on(IntGrid(width.weights, narrow=True)) if method.weights else None,
        inputs=method.inputs.on(IntGrid(width.inputs, signed=False)) if method.inputs else None,
        cache=lm.Dynamic(IntGrid(width.cache, signed=False), axis=-1) if width.cache < FLOAT else None,
        rotate=[name for name in base.matrices if name.endswith(method.rotated or ("none",))])
    if method.train is None:
        return made
    return method.train(base, shared.split.train, made, rng=stream(shared.seed, "qat"), watch=watch,
                        steps=round(method.share * shared.qat_steps))


def stream(seed: int, purpose: str) -> np.random.Generator:
    """The seed's random numbers for one purpose, independent of all others."""
    return np.random.default_rng([seed, ("init", "train", "longer", "qat", "sample").index(purpose)])


ONLY_WEIGHTS = tuple(Width(weights=bits) for bits in (4, 3, 2))
ONLY_INPUTS = tuple(Width(inputs=bits) for bits in (8, 4, 3))
BOTH = tuple(Width(*bits) for bits in ((8, 8), (4, 8), (4, 4), (3, 8), (2, 8)))
TRAINED = tuple(Width(*bits) for bits in ((8, 8), (4, 4), (3, 8), (2, 8)))
LAB = tuple(Width(inputs=8, outliers=factor) for factor in (10, 100, 1000))
CACHES = tuple(Width(cache=bits) for bits in (8, 4, 3, 2))
ALL = ("qkv", "out", "up", "down", "head")

METHODS: dict[str, Method] = {
    "float": Method("The model as trained, float32.", (Width(),), look(BLACK, "", "float32", linestyle="--")),
    "float-longer": Method("Float32, trained for as many steps more as QAT takes: QAT's control.", (Width(),),
                           look(GREY, "", "float32, trained longer", linestyle="-."), longer=True),
    "tensor": Method("PTQ of weights: one scale a matrix, by the largest weight.", ONLY_WEIGHTS,
                     look(RED, "o", "min-max, per tensor"), TENSOR),
    "output": Method("PTQ of weights: a scale for each output, by its largest weight.", ONLY_WEIGHTS,
                     look(RED, "s", "min-max, per output", linestyle=":"), OUTPUT),
    "output-mse": Method("PTQ of weights: a scale for each output, of least mean square error.", ONLY_WEIGHTS,
                         look(PINK, "D", "least MSE, per output"), LEAST),
    "group-mse": Method("PTQ of weights: a scale for each 32 inputs of an output, of least mean square error.",
                        ONLY_WEIGHTS, look(ORANGE, "h", "least MSE, per group of 32", linestyle=":"), GROUP),
    "gptq": Method("PTQ of weights: as output-mse, but rounded by GPTQ.", ONLY_WEIGHTS,
                   look(INDIGO, "P", "GPTQ, per output"), LEAST, rounding=gptq),
    "static": Method("PTQ of inputs: one range for all, by min-max of the calibration text.", (*ONLY_INPUTS, *LAB),
                     look(RED, "o", "static, min-max"), inputs=STATIC),
    "static-mse": Method("PTQ of inputs: one range for all, of least mean square error on the calibration text.",
                         ONLY_INPUTS, look(PINK, "D", "static, least MSE"), inputs=STATIC_LEAST),
    "batch": Method("PTQ of inputs: a range for each batch of 16 rows.", ONLY_INPUTS,
                    look(SKY, "P", "dynamic, per batch"), inputs=BATCH),
    "token": Method("PTQ of inputs: a range for each token.", (*ONLY_INPUTS, *LAB),
                    look(BLUE, "s", "dynamic, per token"), inputs=TOKEN),
    "static-rotated": Method("PTQ of inputs: as static, each rotated by the Hadamard transform.", (Width(inputs=4),),
                             look(WINE, "X", "static, all inputs rotated"), inputs=STATIC, rotated=ALL),
    "static-rotated-relu": Method("PTQ of inputs: as static, those that ReLU gives rotated.", (Width(inputs=4),),
                                  look(WINE, "v", "static, ReLU's output rotated"), inputs=STATIC, rotated=("down",)),
    "static-smoothed": Method("PTQ of inputs: as static, after SmoothQuant.", LAB,
                              look(GREEN, "^", "static, after SmoothQuant"), inputs=STATIC, smoothed=True),
    "token-rotated": Method("PTQ of inputs: as token, each rotated by the Hadamard transform.", LAB,
                            look(WINE, "X", "per token, rotated"), inputs=TOKEN, rotated=ALL),
    "tensor-static": Method("PTQ of both: tensor and static.", BOTH,
                            look(RED, "o", "min-max per tensor, static"), TENSOR, STATIC),
    "output-mse-static-mse": Method("PTQ of both: output-mse and static-mse.", BOTH,
                                    look(PINK, "D", "least MSE per output, static"), LEAST, STATIC_LEAST),
    "output-mse-token": Method("PTQ of both: output-mse and token.", BOTH,
                               look(BLUE, "s", "least MSE per output, per token", linestyle=":"), LEAST, TOKEN),
    "gptq-static-mse": Method("PTQ of both: gptq and static-mse.", BOTH,
                              look(INDIGO, "P", "GPTQ, static"), LEAST, STATIC_LEAST, gptq),
    "gptq-token": Method("PTQ of both: gptq and token.", BOTH,
                         look(BLUE, "P", "GPTQ, per token", linestyle="--"), LEAST, TOKEN, gptq),
    "gptq-static-mse-longer": Method("PTQ of both: gptq-static-mse of float-longer.", BOTH,
                                     look(GREY, "P", "GPTQ of float trained longer, static", linestyle="-."),
                                     LEAST, STATIC_LEAST, gptq, longer=True),
    "gptq-token-longer": Method("PTQ of both: gptq-token of float-longer.", BOTH,
                                look(GREY, "s", "GPTQ of float trained longer, per token", linestyle=":"),
                                LEAST, TOKEN, gptq, longer=True),
    "qat-ste": Method("QAT: trained straight through, on the ranges of output-mse-static-mse.", TRAINED,
                      look(PINK, "^", "straight-through"), LEAST, STATIC_LEAST, train=lm.train_qat),
    "qat-lsq": Method("QAT: trained with learned steps, from the ranges of output-mse-static-mse.", TRAINED,
                      look(PINK, "*", "learned steps", linestyle="--", markersize=11),
                      LEAST, STATIC_LEAST, train=lm.train_lsq),
    "qat-lsq-sixth": Method("QAT: as qat-lsq, a sixth of the steps.", TRAINED,
                            look(GREEN, "*", "learned steps, a sixth of the training", linestyle=":", markersize=11),
                            LEAST, STATIC_LEAST, train=lm.train_lsq, share=1 / 6),
    "cache": Method("PTQ of keys and values: a range for each token and head.", CACHES,
                    look(GREEN, "D", "keys and values, per token and head")),
}
#: Kinds of rounding and of training, as records name them.
ROUNDINGS = {lm.nearest: "nearest", gptq: "GPTQ"}
TRAININGS = {None: "none", lm.train_qat: "straight-through", lm.train_lsq: "learned steps"}
