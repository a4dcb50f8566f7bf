"""`refquant inspect`: the arrays of a file, their table, inspect.json and figures."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from ... import __version__
from ...clipping import POWER
from ...files import Content, writable_folder
from .. import jobs, results
from .report import Record, Report, inspected
from .settings import Options, checked, fitted
from .table import printable, table
from .tensors import Tensor, tensors

WHERE = "refquant inspect"
FIGURES = 20  # arrays of one file that are drawn
LONG = 2**18  # values that take more than a few seconds


class Job(NamedTuple):
    """A file's float arrays with their options, and why its other members are left out."""

    file: str
    options: Options
    arrays: list[tuple[Tensor, Options]]
    left_out: dict[str, str]


def job(path: str, options: Options) -> Job:
    """The file's headers read, and the options checked against them.

    In an .npz, an axis or a block that only some arrays have is for those.
    """
    checked(WHERE, options)
    found, left_out = tensors(WHERE, path)
    return Job(Path(path).name, options, [(t, _fitted(options, t, found)) for t in found], left_out)


def _fitted(options: Options, tensor: Tensor, others: Sequence[Tensor]) -> Options:
    """The tensor's options, without an axis or a block that only other tensors have."""
    without: dict[str, Any] = {}
    for name in ("channel_axis", "block"):
        alone = Options()._replace(**{name: getattr(options, name)})
        if not _fits(alone, tensor) and any(_fits(alone, other) for other in others):
            without[name] = None
    return fitted(WHERE, options._replace(**without), tensor.shape)._replace(**without)


def _fits(options: Options, tensor: Tensor) -> bool:
    try:
        return bool(fitted(WHERE, options, tensor.shape))
    except ValueError:
        return False


def run(todo: Job, out: str, svg: bool = False) -> Iterator[str]:
    """What is to be printed, array by array; then the files are written, all or none."""
    with _folder(out) as folder:
        records: list[Record] = []
        figures: dict[str, Content] = {}
        largest = sorted(todo.arrays, key=lambda a: -a[0].size)[:FIGURES]
        if (values := sum(tensor.size for tensor, _ in todo.arrays)) > LONG:
            jobs.say(f"{results.count(len(todo.arrays), 'array')} of {todo.file}, {values:,} values")
            jobs.speak()
        for (tensor, options), stem in zip(todo.arrays, file_names([t.name for t, _ in todo.arrays]), strict=True):
            with tensor.opened(folder) as x:
                report = inspected(WHERE, x, tensor.name, options)
            records.append(report.record)
            if any(tensor is drawn for drawn, _ in largest):
                figures |= _figures(report, stem, svg)
            yield table(report.record)
        if todo.left_out:
            yield "Left out: " + "; ".join(f"{printable(name)}, {why}" for name, why in todo.left_out.items())
        if len(records) > FIGURES:
            yield f"Drawn: the {FIGURES} largest of {len(records)} arrays."
        yield str(results.save("inspect", folder, {**figures, "inspect.json": _json(todo, records)}))


@contextmanager
def _folder(out: str) -> Iterator[Path]:
    """The folder for the files; gone again if it is new and nothing came of it."""
    new = not Path(out).exists()
    folder = writable_folder(WHERE, out)
    try:
        yield folder
    except BaseException:
        if new:
            with suppress(OSError):  # not empty
                folder.rmdir()
        raise


def _figures(report: Report, stem: str, svg: bool) -> dict[str, Content]:
    from .figures import error_against_clip, tensor_ranges

    return results.pictures("inspect", {f"{stem}_histogram.png": tensor_ranges(report),
                                        f"{stem}_error.png": error_against_clip(report)}, svg)


def _json(todo: Job, records: Sequence[Record]) -> str:
    return json.dumps({"refquant": __version__, "file": todo.file, **todo.options._asdict(), "lp_optimal_p": POWER,
                       "left_out": todo.left_out, "arrays": records}, indent=1, allow_nan=False) + "\n"


def file_names(names: Sequence[str]) -> list[str]:
    """Names that every file system takes, no two the same, whatever the case.

    >>> file_names(["a/b", "a b", "A_B", "..", "CON"])
    ['a_b', 'a_b-2', 'A_B-3', 'x', 'x_CON']
    """
    found: list[str] = []
    taken: set[str] = set()
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9_.-]+", "_", name)[:100].strip("._-") or "x"
        if re.fullmatch(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", plain, re.IGNORECASE):
            plain = f"x_{plain}"
        stem, n = plain, 1
        while stem.lower() in taken:
            stem, n = f"{plain}-{n + 1}", n + 1
        taken.add(stem.lower())
        found.append(stem)
    return found
