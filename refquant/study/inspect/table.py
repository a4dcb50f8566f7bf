"""An array's schemes as text."""

from __future__ import annotations

from ..aligned import aligned
from .recommend import Scheme, short
from .report import Record

HEAD = ("", "fit or format", "granularity", "rule", "range", "SQNR dB", "net dB", "largest error", "clipped", "bytes",
        "smaller")


def table(record: Record) -> str:
    """All schemes, best first by net SQNR, the recommended one marked, and why."""
    sampled = any(s["values"] < max(t["values"] for t in record["schemes"]) for s in record["schemes"])
    ordered = sorted(record["schemes"], key=lambda s: (s["net_db"] is None, -(s["net_db"] or 0)))
    bad = record["nan"] + record["inf"] + record["minus_inf"]
    return "\n".join([
        f"{printable(record['array'])}: {record['dtype']} {tuple(record['shape'])}, {record['values']:,} values from "
        f"{record['minimum']:.6g} to {record['maximum']:.6g}, {record['bytes']:,} bytes; {record['bits']} bits"
        + (f"; {bad:,} NaN or infinite values left out" if bad else ""),
        *aligned([HEAD, *(_row(s, record) for s in ordered)], left=5, spare=(4, 10)),  # range, smaller
        *(["~ measured on a sample"] if sampled else []), *(f"({note})" for note in record["notes"]),
        f"Recommended (*): {record['reason']}.", ""])


def _row(scheme: Scheme, record: Record) -> tuple[str, ...]:
    lo, hi = scheme["range"]
    largest, net = scheme["largest_error"], scheme["net_db"]
    sample = "~" if scheme["values"] < max(s["values"] for s in record["schemes"]) else ""
    return ("*" if scheme == record["recommended"] else "", scheme["fit"], scheme["granularity"], scheme["rule"],
            f"{lo:.4g} to {hi:.4g}", sample + short(scheme), "-" if net is None else f"{net:.1f}",
            "overflow" if largest is None else f"{largest:.3g}", _percent(scheme["clipped"]), f"{scheme['bytes']:,}",
            f"{scheme['compression']:.2f}x")


def _percent(share: float) -> str:
    return "0" if not share else "<0.01 %" if share < 1e-4 else f"{100 * share:.2f} %"


def printable(name: str) -> str:
    """The name without what would move a terminal's cursor."""
    return "".join(c if c.isprintable() else "?" for c in name)
