"""Arrays inspected: what each scheme does to each, and one recommended at each width."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ... import arguments
from ...clipping import CLIPPING_RULES
from ..jobs import clear, show
from .matrix import Matrix, look, matrix, side_by_side
from .measure import SAMPLE, Measured, measure, measured, subject
from .recommend import asked, choose, engines, reason
from .schemes import names, schemes
from .stored import Found, Tensor, in_memory, numpy_float, printable
from .tensors import tensors

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SMALL = 4096  # arrays of fewer values stay float


class Options(NamedTuple):
    """What is asked; bits (): those of the formats, or 8 and 4; formats None: all are tried, integers recommended."""

    bits: Sequence[int] = ()
    formats: Sequence[str] | None = None
    only: str | None = None
    exact: bool = False
    rules: Sequence[str] = ()
    skip_nonfinite: bool = False


class Best(NamedTuple):
    """What is recommended at one width, why, and who takes it."""

    found: Measured
    reason: str
    engines: str


class Record(NamedTuple):
    """One array: what it is, what each scheme does to it, and what is recommended at each number of bits."""

    array: str
    shape: tuple[int, ...]
    dtype: str
    values: int
    bytes: int
    minimum: float
    maximum: float
    nonfinite: int
    schemes: list[Measured]
    recommended: dict[int, Best]

    def rows(self) -> Iterator[dict[str, Any]]:
        """Each scheme as plain values; dB None: no error at all, or with overflow true an error beyond all numbers."""
        chosen = [id(best.found) for best in self.recommended.values()]
        for r in self.schemes:
            s = r.scheme
            found = {"recommended": id(r) in chosen, "bits": s.grid.bits, "format": s.format, "axis": s.axis,
                     "block": s.block, "clip": s.clip, "rule": s.rule, "overflow": r.sqnr_db == -math.inf,
                     **r._asdict(), "scheme": str(s)}
            yield {key: None if v in (math.inf, -math.inf) else v for key, v in found.items()}


class Report(NamedTuple):
    """The records of a model, the bytes of arrays that stay float by name, and why others are left out.

    text is what the command prints; figures are those that it draws, by their file's name.
    """

    file: str
    options: Options
    records: list[Record]
    stay: dict[str, int]
    left_out: dict[str, str]

    @property
    def text(self) -> str:
        from .table import overview

        return overview(self)

    @property
    def figures(self) -> dict[str, Figure]:
        from .figures import trade_offs

        return trade_offs(self)

    def worst(self, n: int) -> list[Record]:
        """The arrays that lose most at the fewest bits, by the channel mean; none that lose nothing."""
        loss = [(r.recommended[min(self.options.bits)].found.balanced_db, i) for i, r in enumerate(self.records)]
        return [self.records[i] for db, i in sorted(loss)[:n] if db < math.inf]


def inspect_arrays(source: str | Path | Mapping[str, ArrayLike], **options: Any) -> Report:
    """Every scheme tried on every array, and one recommended for each at each width: `refquant inspect` in a notebook.

    Args:
        source: a file or a folder, as the command takes it; or arrays by name, float16, float32 or float64.
        bits: 2 to 16 each; if none are named, those of the formats, or 8 and 4.
        formats: names of formats, and nothing else is recommended; None: of integers, while all are tried.
        only: a pattern of whole names, `model.layers.*.q_proj.weight`; where none fits, of parts, `layers.*.q_proj`.
        exact: measure large arrays on all values, not on a sample.
        rules: names of refquant.clipping.CLIPPING_RULES, tried besides on arrays of at most 524,288 values.
        skip_nonfinite: NaN and infinities count as 0, instead of being refused.

    Weights whose columns differ want a scale for each column:

    >>> x = np.sin(np.arange(4096)).reshape(64, 64) * 2.0 ** np.arange(64)
    >>> best = inspect_arrays({"w": x}, bits=[8]).records[0].recommended[8]
    >>> str(best.found.scheme), best.found.zeroed
    ('int8 @1', {0: 0, 1: 0})
    >>> best.reason  # doctest: +ELLIPSIS
    'one scale for all makes 9 channels of axis 1 all 0 (|x| up to 0.004 of the largest); a scale for ...'

    Raises:
        ValueError: NaN or infinities, no floats, unknown names, bits out of range; what the command says of files.
    """
    where, asked = "inspect_arrays", Options(**options)
    if isinstance(source, str | Path):
        return inspected(where, Path(source).name, tensors(where, source), asked, Path("."))
    return inspected(where, "", ([_tensor(where, *item) for item in source.items()], {}), asked, Path("."))


def _tensor(where: str, name: str, x: ArrayLike) -> Tensor:
    a = arguments.array(where, x, "x")
    if a.dtype not in (np.float16, np.float32, np.float64) or not a.size or a.ndim > 63:
        raise arguments.error(ValueError, where, f"{name!r} must hold real floats, and have at most 63 axes",
                              f"{a.dtype} of shape {a.shape}", "float16, float32 and float64 are taken")
    return Tensor(name, a.shape, numpy_float(a.dtype), partial(in_memory, a))


def checked(where: str, options: Options) -> Options:
    """The options, which need no array to be judged."""
    known = {name.lower(): (name, n) for n in range(2, 17) for name in names(n)}
    asked = options.formats or ()
    for option, given, all_names in (("formats", asked, known), ("rules", options.rules, CLIPPING_RULES)):
        if unknown := [name for name in given if name.lower() not in all_names]:
            raise arguments.error(ValueError, where, f"`--{option}` must have known names", repr(unknown[0]),
                                  f"did you mean {nearest(unknown[0].lower(), all_names)}")
    formats, widths = [known[name.lower()][0] for name in asked], {known[name.lower()][1] for name in asked}
    bits = {arguments.whole(where, n, "bits", 2, 16) for n in options.bits} or widths or {8, 4}
    if asked and bits != widths:
        raise arguments.error(ValueError, where, "`--bits` must be those of `--formats`", f"{sorted(bits)} for "
                              f"{', '.join(formats)}", f"give bits {' '.join(map(str, sorted(widths)))}, or none")
    return options._replace(bits=sorted(bits, reverse=True), formats=formats)


def nearest(name: str, among: Iterable[str]) -> str:
    """The names that look most like it; of fp8 the floats of 8 bits.

    >>> nearest("nvfp", ["int8", "nvfp4"]), nearest("fp6", [])
    ('nvfp4, int8', 'E2M3, E3M2, MXFP6, MXFP6 E3M2')
    """
    if found := re.fullmatch(r"(?:fp|float)(\d)", name):
        return ", ".join(names(int(found[1]))[2:])
    return ", ".join(get_close_matches(name, among, 3, 0))


def inspected(where: str, file: str, tensors: Found, options: Options, scratch: Path) -> Report:
    """The report of arrays; small ones and those of one axis stay float, unless no others match, and those without room
    for the formats."""
    options, (found, left_out) = checked(where, options), tensors
    chosen = [t for t in found if fnmatchcase(t.name, options.only or "*")] or [
        t for t in found if fnmatchcase(t.name, f"*{options.only}*")]
    if not chosen:
        raise arguments.error(ValueError, where, "`--only` must match an array's name", repr(options.only),
                              f"the nearest are {nearest(options.only or '', [t.name for t in found])}" if found else
                              "give arrays")
    large = [t for t in chosen if len(t.shape) > 1 and t.size >= SMALL] or chosen
    works = [min(t.size, SAMPLE) * 400 + t.size * (40 if options.exact else 1) * 13 for t in large]
    records, began = [], time.perf_counter()
    try:
        for i, tensor in enumerate(large):
            def told(share: float, i: int = i) -> None:
                show(f"{printable(large[i].name)}: array", i + 1, len(large), began,
                     (sum(works[:i]) + share * works[i]) / sum(works))

            with tensor.opened(scratch) as (raw, forget):
                records.append(_record(where, tensor, matrix(raw, tensor.stored.decode, forget), options, told))
    finally:
        clear()
    kept = [r for r in records if r.recommended]
    if no_room := [n for n in options.bits if all(r.recommended[n].found.scheme.grid.bits != n for r in kept)]:
        raise arguments.error(ValueError, where, f"`--formats` of {no_room[0]} bits must have blocks that fit "
                              "an array", ", ".join(options.formats or ()), "leave those out")
    stay = {t.name: t.nbytes for t in chosen if t.name not in {r.array for r in kept}}
    return Report(file, options, kept, stay, left_out)


def _record(where: str, t: Tensor, m: Matrix, options: Options, told: Callable[[float], None]) -> Record:
    told(0.01)
    seen = look(m)
    if seen.bad and not options.skip_nonfinite:
        raise arguments.error(ValueError, where, f"the values of {t.name!r} must be finite in float32",
                              f"{seen.bad:,} NaN or infinities among {t.size:,}", "--skip-nonfinite takes them as 0")
    subj = subject(m, t.shape, seen, options.exact)
    full = partial(measure, subject(m, t.shape, seen, True)) if subj.sampled else None
    rows: list[Measured] = []
    recommended: dict[int, Best] = {}
    for k, bits in enumerate(options.bits):
        tried, results = [*schemes(m, bits, *seen.ends)], list[Measured]()
        for i, found in enumerate(side_by_side(partial(measured, subj, options.rules), tried), 1):
            told((k + 0.8 * i / len(tried)) / len(options.bits))
            results += found
        if asked(results, options.formats):
            best = choose(results, options.formats, t.shape, full)
            why = reason(best, results, options.formats, t.shape)
            recommended[bits] = Best(best, why, engines([(best.scheme, t.shape)]))
        rows += results
    for bits in options.bits if recommended else ():  # without room for its formats: the next more bits, or fewer
        near = min(recommended, key=lambda n, bits=bits: (n < bits, abs(n - bits)))  # type: ignore[misc]
        recommended.setdefault(bits, recommended[near])
    lo, hi = map(float, seen.ends)
    return Record(t.name, t.shape, t.stored.name, t.size, t.nbytes, lo, hi, seen.bad, rows, recommended)
