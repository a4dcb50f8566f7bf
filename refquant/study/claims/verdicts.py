"""From records to a verdict: readings say what is compared, one function says what follows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from ..stats import Estimate, estimate, p_value
from .experiments import Observation

Where: TypeAlias = dict[str, Any]


class Metric(NamedTuple):
    """A recorded quantity: its unit, and the factor that makes an effect positive where the first side is better."""

    unit: str
    scale: float = 1


METRICS = {"cross_entropy": Metric("nats", -1), "bits_per_character": Metric("bits", -1),
           "accuracy": Metric("points", 100), "logit_sqnr_db": Metric("dB"), "weight_sqnr_db": Metric("dB")}


class Rule(NamedTuple):
    """When a difference matters: from a mean effect of `enough` on; within +-`same` two are the same.

    kind: what a sentence says of the first side: that it is better (more), better by a size that the sentence names,
    which is enough (size), or no different (same).
    """

    kind: str
    enough: float = 0
    same: float = 0


MORE, SAME = Rule("more", 0.02, 0.01), Rule("same", 0.02, 0.01)  # nats, or bits per character
POINTS, DECIBELS = Rule("more", 0.5, 0.5), Rule("more", 1, 1)
#: A reading that is no primary one has a direction only if its q-value is at most this.
FALSE_DISCOVERIES = 0.05
#: Fewer seeds decide nothing: one odd seed would.
FEWEST = 5


class Reading(NamedTuple):
    """One test of a sentence: in each seed, by how much the records that match `more` are better than those of `less`.

    A sentence's first reading of a task is its primary one. `says` is "where: what is compared": readings that compare
    the same in several places stand together. differ: the aspects in which the two sides differ, all named in the
    words. control: two sides whose difference is taken off. of: its experiment, where that is not the sentence's.
    """

    id: str
    says: str
    more: Where
    less: Where
    value: str = "cross_entropy"
    rule: Rule = MORE
    differ: tuple[str, ...] = ()
    control: tuple[Where, ...] = ()
    task: str = "digits"
    of: str = ""

    @property
    def sides(self) -> list[Where]:
        """Each counts alternately: the effect is more - less - (control more - control less)."""
        return [self.more, self.less, *self.control]


class Sentence(NamedTuple):
    """What people say; the readings that test it; what to see; whether it transfers, with sources."""

    id: str
    says: str
    experiment: str
    readings: tuple[Reading, ...]
    text: str
    caveat: str
    sources: tuple[tuple[str, str], ...]

    def primary(self, reading: Reading) -> bool:
        """Whether it is the first of its task."""
        return reading.id == next(r.id for r in self.readings if r.task == reading.task)


class Outcome(NamedTuple):
    """A reading's effect in its metric's unit, its 95 % interval, corrected and not, and what follows.

    p: of no effect. q: Benjamini and Hochberg's, among the primary readings or among the details. note: how far the
    interval reaches. agree: how many seeds have the mean's sign.
    """

    effect: float
    interval: tuple[float, float] | None
    uncorrected: tuple[float, float] | None
    n: int
    p: float
    q: float | None
    verdict: str
    note: str
    agree: int = 0


def outcome(reading: Reading, records: Sequence[Observation], overlap: float, q: float | None = None) -> Outcome:
    """The reading's verdict, from its experiment's records alone.

    overlap: test samples per training sample of each split, for Nadeau and Bengio's correction. q: of no primary one.
    """
    values = effects(reading, records)
    spread, plain = estimate(values, overlap), estimate(values)
    word = verdict(spread, reading.rule, q or 0.0)
    return Outcome(spread.mean, ends(spread), ends(plain), spread.n, p_value(spread), q, word,
                   note(word, spread, reading.rule, METRICS[reading.value].unit),
                   sum(v * spread.mean > 0 for v in values))


def ends(e: Estimate) -> tuple[float, float] | None:
    """The interval."""
    return None if e.half_width is None else (e.mean - e.half_width, e.mean + e.half_width)


def verdict(effect: Estimate, rule: Rule, q: float = 0.0) -> str:
    """confirmed, small, null, inconclusive or refuted: the one place where that is decided.

    Of "better": the interval beyond 0 has a direction; then the mean decides: confirmed from rule.enough on, refuted
    from -rule.enough on, between them small. Without a direction: null if the interval lies within +-rule.same, else
    inconclusive. Of "better by a size": confirmed if the whole interval is at least rule.enough, refuted if it lies
    wholly below, else inconclusive. Of "the same": confirmed within +-rule.same, refuted wholly outside, else
    inconclusive. From fewer than five seeds nothing follows.

    >>> [verdict(Estimate(*at, 20), MORE) for at in ((0.05, 0.04), (0.015, 0.01), (-0.05, 0.04), (0.0, 0.01), (0, 1))]
    ['confirmed', 'small', 'refuted', 'null', 'inconclusive']
    >>> verdict(Estimate(0.05, 0.04, 20), MORE, q=0.06), verdict(Estimate(0.005, 0.004, 20), SAME)
    ('inconclusive', 'confirmed')
    >>> verdict(Estimate(1.1, 0.3, 20), Rule("size", 3.01)), verdict(Estimate(0.5, 0.1, 3), MORE)
    ('refuted', 'inconclusive')
    """
    if effect.half_width is None or effect.n < FEWEST:
        return "inconclusive"
    lo, hi = effect.mean - effect.half_width, effect.mean + effect.half_width
    if rule.kind == "size":
        return "confirmed" if lo >= rule.enough else "refuted" if hi < rule.enough else "inconclusive"
    within = -rule.same <= lo and hi <= rule.same
    if rule.kind == "same":
        return "confirmed" if within else "refuted" if lo > rule.same or hi < -rule.same else "inconclusive"
    if (lo > 0 or hi < 0) and q <= FALSE_DISCOVERIES:
        return "small" if abs(effect.mean) < rule.enough else "confirmed" if lo > 0 else "refuted"
    return "null" if within else "inconclusive"


def note(word: str, effect: Estimate, rule: Rule, unit: str) -> str:
    """What the word leaves out.

    >>> note("inconclusive", Estimate(0.01, 0.03, 20), MORE, "nats")
    'half of the interval is 0.03 nats'
    """
    if effect.half_width is None or effect.n < FEWEST:
        return f"fewer than {FEWEST} seeds decide nothing"
    least, most = abs(effect.mean) - effect.half_width, abs(effect.mean) + effect.half_width
    direction = "better" if effect.mean > 0 else "worse"
    if rule.kind == "same" or word == "null":
        return f"the interval is wider than ±{rule.same:g} {unit}" if word == "inconclusive" else ""
    if word == "inconclusive" and least <= 0:
        return f"half of the interval is {effect.half_width:.2g} {unit}"
    if rule.kind == "size":
        if word == "confirmed" or least <= 0:
            return ""
        return "worse" if effect.mean < 0 else f"better, {'but' if word == 'refuted' else 'perhaps'} not by that much"
    if word == "inconclusive":
        return f"direction, but q > {FALSE_DISCOVERIES}"
    if word == "small":
        return direction + "; may be enough" * (most >= rule.enough)
    return ("beyond the margin" if least > rule.same else "reaches into the margin") + (
        "; may be less than enough" * (least < rule.enough))


def effects(reading: Reading, records: Sequence[Observation]) -> list[float]:
    """One number a seed: the difference in the metric's unit, positive where the first side is better."""
    scale, by_side = METRICS[reading.value].scale, [_by_seed(records, side, reading.value) for side in reading.sides]
    common = [seed for seed in by_side[0] if all(seed in side for side in by_side)]
    return [scale * sum(sign * side[seed] for sign, side in zip((1, -1, -1, 1), by_side, strict=False))
            for seed in common]


def beside(reading: Reading, records: Sequence[Observation], value: str, overlap: float) -> Estimate | None:
    """The same comparison by another quantity, where both sides have it in every seed."""
    sides = [matching(records, where) for where in reading.sides]
    if value == reading.value or any(r.get(value) is None for side in sides for r in side):
        return None
    return estimate(effects(reading._replace(value=value), records), overlap)


def matching(records: Sequence[Observation], where: Where) -> list[Observation]:
    """The records that have all these values."""
    return [r for r in records if all(r.get(key) == value for key, value in where.items())]


def _by_seed(records: Sequence[Observation], where: Where, value: str) -> dict[int, float]:
    found = matching(records, where)
    by_seed = {r["seed"]: r[value] for r in found}
    if not found or len(by_seed) < len(found):
        raise ValueError(f"{where} matches {'several records' if found else 'no record'} of a seed")
    return by_seed
