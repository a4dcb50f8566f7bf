"""The comparison on text as a table: every method at every width, then pairs of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from ...aligned import paragraph, ruled
from ...stats import Estimate, estimate
from .methods import Width
from .run import Record

Found: TypeAlias = Mapping[tuple[str, Width], Sequence[Record]]
OVERLAP = 1 / 9  # held-out characters per training character
SAME = 0.01  # bits per character: two models that differ by less are the same

#: What people say, and the two models that it is about: the first is better, or, in SAMES, as good.
PAIRS = (
    ("a scale for each output beats one a matrix", ("output", Width(3)), ("tensor", Width(3))),
    ("GPTQ beats nearest rounding", ("gptq", Width(4)), ("output-mse", Width(4))),
    ("GPTQ beats nearest rounding", ("gptq", Width(3)), ("output-mse", Width(3))),
    ("a range for each token beats a static one", ("token", Width(inputs=4)), ("static", Width(inputs=4))),
    ("QAT beats GPTQ", ("qat-ste", Width(2, 8)), ("gptq-static-mse", Width(2, 8))),
    ("QAT beats GPTQ", ("qat-lsq", Width(2, 8)), ("gptq-static-mse", Width(2, 8))),
    ("QAT beats GPTQ of a model trained as long", ("qat-lsq", Width(2, 8)), ("gptq-static-mse-longer", Width(2, 8))),
    ("learned steps beat straight-through", ("qat-lsq", Width(2, 8)), ("qat-ste", Width(2, 8))),
    ("rotating what ReLU gives makes it worse", ("static", Width(inputs=4)), ("static-rotated-relu", Width(inputs=4))),
    ("outliers hurt a static range more than one for each token", ("token", Width(inputs=8, outliers=100)),
     ("static", Width(inputs=8, outliers=100))),
)
SAMES = (
    ("at 8 bits, QAT gains what training longer does", ("qat-ste", Width(8, 8)), ("float-longer", Width())),
    ("at 8 bits, QAT gains what training longer does", ("qat-lsq", Width(8, 8)), ("float-longer", Width())),
)


def grouped(records: Sequence[Record]) -> Found:
    """(method, width) -> its records, by seed."""
    found: dict[tuple[str, Width], list[Record]] = {}
    for r in records:
        found.setdefault((r["method"], width(r)), []).append(r)
    return found


def width(r: Record) -> Width:
    """The record's."""
    return Width(r["weight_bits"], r["activation_bits"], r["cache_bits"], r["outliers"])


def bits(found: Found, at: tuple[str, Width]) -> list[float]:
    """The bits per character of every seed."""
    return [r["bits_per_character"] for r in found[at]]


def difference(found: Found, first: tuple[str, Width], second: tuple[str, Width]) -> Estimate:
    """Bits per character of the first minus those of the second, paired within each seed."""
    return estimate([a - b for a, b in zip(bits(found, first), bits(found, second), strict=True)], OVERLAP)


def beats(e: Estimate) -> str:
    """Whether fewer bits were needed, beyond the interval.

    >>> beats(Estimate(-0.2, 0.1, 10)), beats(Estimate(0.2, 0.1, 10)), beats(Estimate(-0.1, 0.2, 10))
    ('yes', 'no, worse', 'open')
    """
    if e.half_width is None or abs(e.mean) <= e.half_width:
        return "open"
    return "yes" if e.mean < 0 else "no, worse"


def same(e: Estimate) -> str:
    """Whether the difference is less than SAME, with its interval.

    >>> same(Estimate(0.001, 0.004, 10)), same(Estimate(0.03, 0.01, 10)), same(Estimate(0.008, 0.004, 10))
    ('yes', 'no', 'open')
    """
    if e.half_width is None:
        return "open"
    return "yes" if abs(e.mean) + e.half_width < SAME else "no" if abs(e.mean) - e.half_width > SAME else "open"


HEAD = ("method", "width", "bits per character", "minus float", "bytes", "seconds")


def table(records: Sequence[Record], anchors: Mapping[str, float]) -> str:
    """A line for each method at each width; the pairs; what the columns mean."""
    found = grouped(records)
    seeds = len(found["float", Width()])
    rows = [(name, str(at), _shown(estimate(bits(found, (name, at)), OVERLAP)),
             "–" if name == "float" else _shown(difference(found, (name, at), ("float", Width())), "+"),
             f"{group[0]['model_bytes']:,}", f"{sum(r['seconds'] for r in group) / seeds:.2f}")
            for (name, at), group in found.items()]
    pairs = [(says, _name(first), _name(second), _shown(e, "+"), word(e))
             for word, part in ((beats, PAIRS), (same, SAMES)) for says, first, second in part
             for e in (difference(found, first, second),)]
    compressed = ", ".join(f"{name} {value:.2f}" for name, value in anchors.items())
    return "\n".join([*ruled([HEAD, *rows], left=2), "", paragraph(
        f"Mean ± 95 % interval (Student's t) over {seeds} seed{'s' * (seeds > 1)}, corrected for splits that share "
        "their texts (Nadeau and Bengio 2003). A seed is another held-out tenth of the text and another "
        "initialisation, shared by all methods. bits per character: on the held-out tenth, fewer are better; of the "
        f"whole text: {compressed}. minus float: paired within each seed. W4A8: 4 bits for weights, 8 for the inputs "
        "of matrices; KV4: for keys and values; what is not named stays float32. x100: two channels were made "
        "100 times as large, the function of the float model unchanged; SmoothQuant undoes this by construction. "
        "bytes: of the model, without its cache. seconds: processor time to train the model, or to make this one of "
        "it."),
        "", *ruled([("people say", "of", "against", "difference in bits", "so?"), *pairs], left=3), "", paragraph(
        "yes: the interval of the difference lies below 0; of the sentences about training longer, within "
        f"{SAME} of 0. open: the interval does not tell.")])


def _name(at: tuple[str, Width]) -> str:
    return f"{at[0]} {at[1]}"


def _shown(e: Estimate, sign: str = "") -> str:
    return f"{e.mean:{sign}.3f}" + ("" if e.half_width is None else f" ± {e.half_width:.3f}")
