"""What a comparison measured, and its summary over seeds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeAlias, TypedDict

from .stats import Estimate, estimate

Width: TypeAlias = int | str  # bits of weights and activations, 32 for float32, or the name of a grid for both


class Measured(TypedDict):
    """One network's result; accuracy from 0 to 1, cross-entropy in nats, seconds to train or to quantize it.

    changed_by_batch_mates: the share of test images, from 0 to 1, whose prediction differs in other batches of 64.
    """

    method: str
    weight_bits: int
    activation_bits: int
    seed: int
    accuracy: float
    cross_entropy: float
    logit_sqnr_db: float | None
    seconds: float
    model_bytes: int
    changed_by_batch_mates: float


class Made(TypedDict):
    """How a network was made, as a record says it."""

    weight_grid: str
    weight_rule: str
    weight_granularity: str
    activation_grid: str
    activation_rule: str
    activation_range: str
    rounding: str
    biases: str
    scales: str
    training: str
    training_steps: int
    training_images: int
    calibration_images: int


class Record(Measured, Made):
    """One network: how it was made, and what it does."""


class Row(NamedTuple):
    """One line of the table: a method at a width, over all seeds; accuracies in percent."""

    method: str
    bits: int
    width: Width
    accuracy: Estimate
    minus_float: Estimate
    cross_entropy: Estimate
    sqnr_db: Estimate | None
    model_bytes: int
    seconds: float
    changed: Estimate


def summarize(records: Iterable[Record]) -> list[Row]:
    """Means with 95 % intervals over seeds; the difference to float is paired: within each seed, then averaged."""
    groups: dict[tuple[str, Width], list[Record]] = {}
    for r in records:
        groups.setdefault((r["method"], width_in(r)), []).append(r)
    base = {r["seed"]: r["accuracy"] for r in groups["float", 32]}
    return [_row(method, at, group, base) for (method, at), group in groups.items()]


def width(weights: object, activations: object, bits: int) -> Width:
    """The grid's name where weights and activations share one, otherwise the bits.

    >>> width("E4M3", "E4M3", 8), width("IntGrid(8, narrow=True)", "UINT8", 8), width("float32", "float32", 32)
    ('E4M3', 8, 32)
    """
    return str(weights) if str(weights) == str(activations) and bits < 32 else bits


def width_in(r: Record) -> Width:
    """The record's."""
    return width(r["weight_grid"], r["activation_grid"], r["weight_bits"])


def label(at: Width) -> str:
    """The width as tables and figures show it.

    >>> label(4), label(32), label("E2M1")
    ('W4A4', 'float32', 'E2M1')
    """
    return at if isinstance(at, str) else "float32" if at == 32 else f"W{at}A{at}"


def _row(method: str, at: Width, group: list[Record], base: dict[int, float]) -> Row:
    sqnr = [r["logit_sqnr_db"] for r in group if r["logit_sqnr_db"] is not None]
    return Row(method, group[0]["weight_bits"], at, estimate([100 * r["accuracy"] for r in group]),
               estimate([100 * (r["accuracy"] - base[r["seed"]]) for r in group]),
               estimate([r["cross_entropy"] for r in group]), estimate(sqnr) if sqnr else None, group[0]["model_bytes"],
               sum(r["seconds"] for r in group) / len(group),
               estimate([100 * r["changed_by_batch_mates"] for r in group]))
