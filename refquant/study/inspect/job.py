"""`refquant inspect`: a file's report, printed, drawn and written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ... import __version__
from ...files import writable_folder
from .. import jobs, results
from .report import Options, Report, checked, inspected
from .ship import shipped
from .table import details, overview
from .tensors import tensors

WHERE = "refquant inspect"
DEFAULT = "inspection"
LONG = 2**20  # values that take more than a few seconds


def run(path: str, options: Options, out: str | None, every: bool, svg: bool) -> Iterator[str]:
    """What is to be printed; the files are written all or none."""
    options, found = checked(WHERE, options), tensors(WHERE, path)
    with _folder(out) as folder:
        if (values := sum(t.size for t in found[0])) > LONG:
            jobs.say(f"{results.count(len(found[0]), 'array')} of {Path(path).name}, {values:,} values")
            jobs.speak()
        report = inspected(WHERE, Path(path).name, found, options, folder)
        yield overview(report)
        if every:
            yield from map(details, report.records)
        pictures = results.pictures("inspect", report.figures, svg)
        yield str(results.save("inspect", folder, {**pictures, "inspect.json": to_json(report),
                                                   "inspect.csv": to_csv(report)}))


@contextmanager
def _folder(out: str | None) -> Iterator[Path]:
    """The folder for the files: the first free one, unless one is named; gone again if nothing came of it."""
    free = (name for i in range(1, 10_000) if not Path(name := DEFAULT + f"-{i}" * (i > 1), "inspect.json").exists())
    path = Path(next(free) if out is None else out)
    new, folder = not path.exists(), writable_folder(WHERE, path)
    try:
        yield folder
    except BaseException:
        if new:
            with suppress(OSError):  # not empty
                folder.rmdir()
        raise


def to_json(report: Report) -> str:
    """All records, and what to ship at each width."""
    arrays = [{**r._asdict(), "schemes": [*r.rows()], "recommended": {
        bits: {**best._asdict(), "found": str(best.found.scheme)} for bits, best in r.recommended.items()}}
        for r in report.records]
    ships = {bits: {**(ship := shipped(report, bits))._asdict(),
                    "each": {name: str(m.scheme) if m else "float" for name, m in ship.each.items()}}
             for bits in report.options.bits}
    return json.dumps({"refquant": __version__, "file": report.file, **report.options._asdict(),
                       "left_out": report.left_out, "stay_float": report.stay, "ship": ships, "arrays": arrays},
                      indent=1, allow_nan=False) + "\n"


def to_csv(report: Report) -> str:
    """A row for each scheme of each array."""
    return results.csv([{"array": r.array, "shape": "x".join(map(str, r.shape)), **row}
                        for r in report.records for row in r.rows()])
