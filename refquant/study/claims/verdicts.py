"""From records to a verdict: readings say what is compared, one function says what follows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

from ..stats import Estimate, estimate
from .experiments import Observation

Where: TypeAlias = dict[str, Any]


class Metric(NamedTuple):
    """A recorded quantity, the unit of its effects, and whether it was measured on the test images."""

    unit: str
    scale: float = 1
    is_ratio: bool = False
    on_images: bool = True


#: points: differences of percentages. factor: ratios; their logarithms are averaged.
METRICS = {
    "accuracy": Metric("points", 100), "cross_entropy": Metric("nats"), "logit_sqnr_db": Metric("dB"),
    "nearer_to_training_pass_db": Metric("dB"), "changed_by_batch_mates": Metric("points", -100),
    "share_of_users": Metric("points", 100),
    **dict.fromkeys(("seconds", "seconds_per_image", "model_bytes", "operations", "passes", "gradient_steps",
                     "operations_for_540_images", "operations_for_a_million_images"), Metric("factor", 1, True, False)),
}


class Rule(NamedTuple):
    """What confirms a sentence. more: an effect above `enough`, its interval above 0; same: an interval within
    +-`same`; always and never: no exception, in any seed; unfair: nothing. Ratios are given as factors."""

    kind: str
    enough: float = 0
    same: float = 0


MORE = Rule("more", 0.5, 0.5)          # points of accuracy
MORE_DB = Rule("more", 1, 1)           # decibels
MORE_TIMES = Rule("more", 1.1, 1.1)    # a factor
MUCH_MORE_TIMES = Rule("more", 10, 2)  # a factor
SAME = Rule("same", same=0.5)
ALWAYS, NEVER, UNFAIR = Rule("always"), Rule("never"), Rule("unfair")


class Reading(NamedTuple):
    """One test of a sentence: in each seed, `value` of the records that match `more` minus (or over) that of `less`.

    The effect is positive (or above 1) where it supports the sentence. `says` is "where: what is compared": readings
    that compare the same in several places stand together. differ: the aspects in which the two sides differ, all named
    in the words. control: two sides whose difference is taken off.
    """

    id: str
    says: str
    value: str
    more: Where
    less: Where | None = None
    rule: Rule = MORE
    on_top: bool = True
    differ: tuple[str, ...] = ()
    control: tuple[Where, ...] = ()

    @property
    def sides(self) -> list[Where]:
        """Each counts alternately: the effect is more - less - (control more - control less)."""
        return [side for side in (self.more, self.less, *self.control) if side is not None]


class Sentence(NamedTuple):
    """What people say; the readings that test it; what to see; whether it transfers, with sources; the picture."""

    id: str
    says: str
    experiment: str
    readings: tuple[Reading, ...]
    text: str
    caveat: str
    sources: tuple[tuple[str, str], ...]
    draw: Callable[..., Any]
    alt: str


class Outcome(NamedTuple):
    """A reading's effect in its metric's unit, its 95 % interval, corrected and not, and what follows."""

    effect: float | None
    interval: tuple[float, float] | None
    uncorrected: tuple[float, float] | None
    n: int
    verdict: str


def outcome(reading: Reading, records: Sequence[Observation], overlap: float) -> Outcome:
    """The reading's verdict, from its experiment's records alone.

    overlap: test images per training image of each split, for Nadeau and Bengio's correction of what is measured on
    images; seconds and counts of one seed have nothing in common with those of another.
    """
    values, metric = effects(reading, records), METRICS.get(reading.value, Metric(""))
    ratio = metric.is_ratio and reading.rule.kind not in ("always", "never")
    spread = estimate(values, overlap * metric.on_images) if values else Estimate(0.0, None, 0)
    plain = estimate(values) if values else spread
    limits = Rule(reading.rule.kind, *(math.log10(x) for x in reading.rule[1:])) if ratio else reading.rule

    def effect_of(x: float) -> float:
        return 10**x if ratio else x

    def ends(e: Estimate) -> tuple[float, float] | None:
        return None if e.half_width is None else (effect_of(e.mean - e.half_width), effect_of(e.mean + e.half_width))

    return Outcome(effect_of(spread.mean) if values else None, ends(spread), ends(plain), len(values),
                   verdict(spread, limits))


def verdict(effect: Estimate, rule: Rule) -> str:
    """confirmed, null, inconclusive or refuted: the one place where that is decided; unfair, where it cannot be.

    null: the corrected interval lies within +-rule.same: equivalent for all that matters. confirmed: it lies above 0
    and the effect above rule.enough; refuted: below 0 and below -rule.same. A sentence that two things are the same is
    confirmed by equivalence and refuted by an interval outside it. always, never: one exception refutes.

    >>> verdict(Estimate(2.0, 1.0, 20), MORE), verdict(Estimate(0.1, 0.3, 20), MORE), verdict(Estimate(1, 2, 20), MORE)
    ('confirmed', 'null', 'inconclusive')
    >>> verdict(Estimate(0.4, 0.2, 20), MORE), verdict(Estimate(0.1, 0.3, 20), SAME)
    ('inconclusive', 'confirmed')
    """
    if rule.kind in ("always", "never"):
        return "inconclusive" if not effect.n else "confirmed" if effect.mean == 100 else "refuted"
    if rule.kind == "unfair" or effect.half_width is None:
        return "unfair" if rule.kind == "unfair" else "inconclusive"
    lo, hi = effect.mean - effect.half_width, effect.mean + effect.half_width
    equivalent = -rule.same <= lo and hi <= rule.same
    if rule.kind == "same":
        return "confirmed" if equivalent else "refuted" if lo > rule.same or hi < -rule.same else "inconclusive"
    if equivalent:
        return "null"
    if lo > 0 and effect.mean > rule.enough:
        return "confirmed"
    return "refuted" if hi < 0 and effect.mean < -rule.same else "inconclusive"


def effects(reading: Reading, records: Sequence[Observation]) -> list[float]:
    """One number a seed: a difference, the logarithm of a ratio, or 100 where a rule without exception held, else 0."""
    if reading.rule.kind in ("always", "never"):
        wanted = reading.rule.kind == "always"
        held: dict[int, bool] = {}
        for r in (r for r in matching(records, reading.more) if reading.value in r):
            held[r["seed"]] = held.get(r["seed"], True) and (r[reading.value] > 0) == wanted
        return [100.0 * ok for ok in held.values()]
    metric, by_side = METRICS[reading.value], [_by_seed(records, where, reading.value) for where in reading.sides]
    each = [[side[seed] for side in by_side] for seed in by_side[0] if all(seed in side for side in by_side)]
    if metric.is_ratio:
        return [math.log10(more / less) for more, less in each]
    return [metric.scale * sum(sign * v for sign, v in zip((1, -1, -1, 1), sides, strict=False)) for sides in each]


def beside(reading: Reading, records: Sequence[Observation], value: str, overlap: float) -> Estimate | None:
    """The same comparison by another quantity, where both sides have it in every seed."""
    if reading.value != "accuracy" or reading.less is None:
        return None
    sides = [matching(records, where) for where in reading.sides]
    if not sides[0] or any(r.get(value) is None for side in sides for r in side):
        return None
    return estimate(effects(reading._replace(value=value), records), overlap)


def matching(records: Sequence[Observation], where: Where) -> list[Observation]:
    """The records that have all these values."""
    return [r for r in records if all(r.get(key) == value for key, value in where.items())]


def _by_seed(records: Sequence[Observation], where: Where, value: str) -> dict[int, float]:
    found = matching(records, where)
    by_seed = {r["seed"]: r[value] for r in found}
    if len(by_seed) < len(found):
        raise ValueError(f"{where} matches several records of a seed")
    return by_seed
