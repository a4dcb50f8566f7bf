"""Text tables: columns as wide as their widest cell."""
from __future__ import annotations

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """The rows as lines: the first `left` columns begin at their left edge, the others end at their right edge.

    >>> aligned([("bits", "bytes"), ("8", "10")])
    ['bits  bytes', '8        10']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(w) if i < left else cell.rjust(w) for i, (cell, w) in enumerate(
        zip(row, widths, strict=True))).rstrip() for row in rows]


def ruled(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """The same, with a line under the column names."""
    head, *body = aligned(rows, left)
    return [head, "-" * len(head), *body]
