"""Text that fits the terminal: tables with columns as wide as their widest cell, lists, paragraphs."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from itertools import zip_longest

WHOLE = 10_000  # columns of a page on which everything has room
Rows = Sequence[Sequence[str]]


def room(piped: int = WHOLE) -> int:
    """How many columns there are: the terminal's; `piped` where the output goes elsewhere."""
    watched = sys.stdout is not None and sys.stdout.isatty()
    return shutil.get_terminal_size((piped, 24)).columns if watched else piped


def aligned(rows: Rows, left: int = 1, spare: Sequence[int] = (), rule: bool = False) -> list[str]:
    """The rows as lines: the first `left` columns begin at their left edge, the others end at their right edge.

    The first row names the columns. Where the terminal is too narrow, long names take several lines; then the columns
    `spare` are left out, one after another; then the table is cut between columns, and each part begins with the first.

    >>> aligned([("bits", "bytes"), ("8", "10")])
    ['bits  bytes', '8        10']
    """
    def line(row: Sequence[str], part: Sequence[int]) -> str:
        return "  ".join(row[i].ljust(widths[i]) if i < left else row[i].rjust(widths[i]) for i in part).rstrip()

    head, *body = rows
    heads = [head] if _width(_widths(rows)) <= room() else _broken(head, body)
    widths, lines = _widths([*heads, *body]), list[str]()
    for part in _parts(widths, left, spare):
        top = [text for row in heads if (text := line(row, part))]
        under = ["-" * max(map(len, top))] if rule else []
        lines += [*([""] if lines else []), *top, *under, *(line(row, part) for row in body)]
    return lines


def ruled(rows: Rows, left: int = 1) -> list[str]:
    """The same, with a line under the column names."""
    return aligned(rows, left, rule=True)


def _widths(rows: Rows) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _width(widths: Sequence[int]) -> int:
    return sum(widths) + 2 * (len(widths) - 1)


def _broken(head: Sequence[str], body: Rows) -> Rows:
    """The names in as many rows as it takes to be no wider than the cells or the longest word."""
    least = _widths([[max(name.split() or [""], key=len) for name in head], *body])
    names = [textwrap.wrap(name, w or 1, break_on_hyphens=False)[::-1] for name, w in zip(head, least, strict=True)]
    return list(zip_longest(*names, fillvalue=""))[::-1]


def _parts(widths: Sequence[int], left: int, spare: Sequence[int]) -> list[list[int]]:
    """The places of the columns of each part that fits."""
    def fit(places: Sequence[int]) -> bool:
        return _width([widths[i] for i in places]) <= room()

    places = [*range(len(widths))]
    for i in spare:
        places = places if fit(places) else [j for j in places if j != i]
    first = [i for i in places if i < left]
    parts = [first]
    for i in places[len(first):]:
        parts = [*parts[:-1], [*parts[-1], i]] if parts[-1] == first or fit([*parts[-1], i]) else [*parts, [*first, i]]
    return parts


def paragraph(text: str) -> str:
    """The text in lines of at most 100 columns, or the terminal's."""
    return textwrap.fill(text, min(100, room(100)))


def listed(entries: Mapping[str, str]) -> str:
    """A line for each name and what it means, further lines below the meaning."""
    longest = max(map(len, entries), default=0)
    return fitted("\n".join(f"{name:{longest}} {text}" for name, text in entries.items()), longest + 1)


def fitted(text: str, indent: int | None = None) -> str:
    """The text, its long lines broken where a terminal is narrower; what follows stands below the second column."""
    def lines(line: str) -> list[str]:
        first = re.match(r" *(\S+( \S+)* {2,})?", line)
        below = " " * min(indent or (first.end() if first else 0), room() // 2)
        return textwrap.wrap(line, room(), subsequent_indent=below, break_on_hyphens=False, break_long_words=False)

    return "\n".join(line for each in text.split("\n") for line in ([each] if len(each) <= room() else lines(each)))
