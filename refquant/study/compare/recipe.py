"""What a network is made by, so that two that are compared can be seen to differ in one thing."""

from __future__ import annotations

from typing import Any, NamedTuple


class Recipe(NamedTuple):
    """The choices behind a quantized network; records hold them, with the grids, the steps and the data.

    weights, inputs: the rule of their ranges. share: which weights share a scale. seen: when an input's range is known.
    training: by what the weights moved after the float network's training, for `epochs` times its epochs.
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


def recorded(recipe: Recipe, plan: Any, images: int) -> dict[str, Any]:
    """A recipe as a record's columns, with the steps and the data that the plan gives it."""
    steps = round(recipe.epochs * plan.epochs) * -(-images // 64)
    calibrated = recipe.seen == "calibration" or recipe.rounding != "nearest" or recipe.biases != "as trained"
    return {
        "weight_rule": recipe.weights, "weight_granularity": recipe.share, "input_rule": recipe.inputs,
        "input_range": recipe.seen, "rounding": recipe.rounding, "biases": recipe.biases, "scales": recipe.scales,
        "training": recipe.training, "training_steps": steps,
        "calibration_images": min(plan.calibration, images) if calibrated else 0,
        "training_images": images if steps else 0}
