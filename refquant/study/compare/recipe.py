"""What a network is made by, so that two that are compared can be seen to differ in one thing."""

from __future__ import annotations

from typing import NamedTuple

from ...grids import Grid
from ..records import Made


class Recipe(NamedTuple):
    """The choices behind a network. With grids, steps and data they are the columns of its record.

    weights, inputs: the rule of their ranges. share: which weights share a scale. seen: what an input's range comes
    from. training: what moved the weights, after the float network's training or from scratch, for `epochs` times its
    epochs.
    """

    weights: str = "min-max"
    share: str = "tensor"
    inputs: str = "min-max"
    seen: str = "calibration"
    rounding: str = "nearest"
    biases: str = "as trained"
    scales: str = "as trained"
    training: str = "none"
    epochs: float = 0.0


FLOAT = Recipe("none", "none", "none", "none", "none")
MINMAX = Recipe()
LEAST = Recipe(weights="least MSE", share="output", inputs="least MSE")


def made_by(recipe: Recipe, grids: tuple[Grid, Grid] | None, epochs: int, images: int, calibration: int) -> Made:
    """A recipe with the grids of weights and activations (None is float32), and what the plan gives it.

    >>> made_by(LEAST, None, 60, 1257, 256)["calibration_images"]
    256
    """
    weights, activations = (repr(grid) for grid in grids) if grids else ("float32", "float32")
    steps = int(recipe.epochs * epochs) * -(-images // 64)
    calibrated = "calibration" in recipe.seen or recipe.rounding in ("AdaRound", "GPTQ") or recipe.biases == "corrected"
    return Made(weight_grid=weights, weight_rule=recipe.weights, weight_granularity=recipe.share,
                activation_grid=activations, activation_rule=recipe.inputs, activation_range=recipe.seen,
                rounding=recipe.rounding, biases=recipe.biases, scales=recipe.scales, training=recipe.training,
                training_steps=steps, training_images=images if steps else 0,
                calibration_images=min(calibration, images) if calibrated else 0)
