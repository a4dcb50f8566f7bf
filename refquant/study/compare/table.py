"""A comparison as text."""

from __future__ import annotations

from collections.abc import Sequence

from ..aligned import paragraph, ruled
from ..records import Record, Row, label, summarize
from ..stats import Estimate

HEAD = ("method", "grids", "accuracy, %", "minus float, points", "cross-entropy, nats", "logit SQNR, dB",
        "depends on batch, %", "bytes", "seconds")
SEED = "an initialisation and, for the digits, a split in 1,257 to train and 540 to test"
OWN_NET = "a draw of the calibration images and of the order of fine-tuning and, for the digits, of the test images"


def table(records: Sequence[Record], own_net: bool = False) -> str:
    """A line for each method at each width, and what the columns mean."""
    seeds = len({r["seed"] for r in records})
    return "\n".join([
        *ruled([HEAD, *map(_line, summarize(records))], left=2), "", paragraph(
            f"Mean ± 95 % interval (Student's t) over {seeds} seed{'s' * (seeds > 1)}. A seed is "
            f"{OWN_NET if own_net else SEED}, shared by all methods. minus float: paired within each seed. "
            "W8A8: integers, 8 bits for weights, 8 for activations; E4M3: both on this grid. logit SQNR: how far the "
            "logits stay above their distance to the float network's; training on moves them too (float-longer). "
            "depends on batch: the predictions that differ when the same images are batched in another order; a range "
            "for the whole batch depends on all its images. On another machine with the same NumPy PTQ's rows are the "
            "same; QAT's lie within their intervals, because BLAS sums in its own order.")])


def _line(r: Row) -> tuple[str, ...]:
    return (r.method, label(r.width), _show(r.accuracy),
            "–" if r.method == "float" else _show(r.minus_float, "+"), _show(r.cross_entropy, digits=3),
            _show(r.sqnr_db), _show(r.changed), f"{r.model_bytes:,}", f"{r.seconds:.4f}")


def _show(e: Estimate | None, sign: str = "", digits: int = 2) -> str:
    if e is None:
        return "–"
    return f"{e.mean:{sign}.{digits}f}" + ("" if e.half_width is None else f" ± {e.half_width:.{digits}f}")
