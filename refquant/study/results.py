"""A command's results in a folder: written all or none, an earlier run's replaced, everybody else's files left alone.

Pictures carry their name and the command that drew them, so those of an earlier run can be told from others.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from csv import DictWriter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..files import Content, write_all
from .plots import svg
from .plots.style import png

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Written(list[Path]):
    """The files that a run wrote; as text: how many, where, and what became of those that were there."""

    replaced: Sequence[str] = ()
    removed: Sequence[str] = ()

    def __str__(self) -> str:
        lines = [f"Written: {count(len(self), 'file')} in {self[0].parent}{os.sep}"]
        if self.replaced:
            lines.append(f"Replaced, because they were there: {_few(self.replaced)}.")
        if self.removed:
            lines.append(f"Removed, because this run does not draw them: {_few(self.removed)}.")
        return "\n".join(lines)


def count(n: int, what: str) -> str:
    """1 file, 2 files."""
    return f"{n} {what}{'s' * (n != 1)}"


def _few(names: Sequence[str], most: int = 4) -> str:
    """The first names, and how many more there are."""
    more = [f"{len(names) - most} more"] if len(names) > most + 1 else []
    *first, last = [*names[:most], *more] if more else names
    return f"{', '.join(first)} and {last}" if first else last


def csv(records: Sequence[Mapping[str, Any]], names: Sequence[str] | None = None) -> str:
    """The records as CSV; names: the columns, where the first record has them in another order.

    >>> csv([{"bits": 8, "cure": "none"}])
    'bits,cure\\r\\n8,none\\r\\n'
    """
    text = io.StringIO(newline="")
    writer = DictWriter(text, fieldnames=names or list(records[0]))
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


def pictures(command: str, drawn: Mapping[str, Figure], with_svg: bool) -> dict[str, Content]:
    """Each figure as NAME.png, and as NAME.svg if that is asked."""
    found: dict[str, Content] = {}
    for name, figure in drawn.items():
        found[name] = png(figure, mark=_mark(command, name))
        vector = name.replace(".png", ".svg")
        found |= {vector: svg.plain(figure, _mark(command, vector))} if with_svg else {}
    return found


def save(command: str, folder: Path, contents: Mapping[str, Content]) -> Written:
    """Write all of them or none. Pictures that the command drew here before, and now does not, are removed."""
    files = {folder / name: content for name, content in contents.items()}
    written, idle = Written(files), [path for path in sorted({*folder.iterdir()} - {*files}) if _drawn(command, path)]
    written.replaced, written.removed = [path.name for path in files if path.exists()], [path.name for path in idle]
    write_all(files, idle)
    return written


def _mark(command: str, name: str) -> str:
    return f"refquant {command}: {name}"


def _drawn(command: str, path: Path) -> bool:
    """Whether it is a picture that this command drew under this name."""
    if path.suffix not in (".png", ".svg") or not path.is_file():
        return False
    with path.open("rb") as file:
        return _mark(command, path.name).encode() in file.read(2_000)
