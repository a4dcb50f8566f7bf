"""How it was measured and what each word means, as the pages say it."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from .experiments import SEEDS
from .verdicts import FALSE_DISCOVERIES, FEWEST, MORE

if TYPE_CHECKING:
    from .report import Report

#: What verdict() decides.
MEANINGS = {
    "confirmed": "the interval excludes 0 in the sentence's favour, and the mean is at least what is enough to matter.",
    "small": "the interval excludes 0, but the mean is less than what is enough: better, or worse, by less than "
             "matters.",
    "null": "the interval includes 0 and lies within the margin: the same, for all that matters.",
    "inconclusive": f"anything else, and whatever fewer than {FEWEST} seeds say: the data do not decide. The number "
                    "after it is half of the interval. If the true effect were of that size, about half of such "
                    "experiments would have told it from 0.",
    "refuted": "the interval excludes 0 the other way, and the mean is at least what is enough.",
}
#: How to read a primary reading: its words and its figures.
READ = "primary reading: first against second", "by how much the first is better [95 % interval]"


def paragraphs() -> list[str]:
    """Of claims.txt: the two tasks; the advice; crossings and cost; methods; intervals; margins; what is primary."""
    text = (files(__package__) / "claims.txt").read_text(encoding="utf-8").format(more=MORE, q=FALSE_DISCOVERIES)
    return [" ".join(part.split()) for part in text.split("\n\n")]


def how(found: Report) -> list[str]:
    """How it was measured, a paragraph each."""
    _, advice, lines, methods, intervals, margins, primary = paragraphs()
    return [advice, lines, methods, seeds(found), intervals, margins, f"{primary} {_corrected(found)}",
            "Made with " + ", ".join(f"{name} {version}" for name, version in found.versions.items()) + "."]


def _corrected(found: Report) -> str:
    """Which verdicts a correction of the primary readings would change."""
    changed = [f"{s.says} ({r.task})" for s, r, o in found.primary() if (o.q or 0) > FALSE_DISCOVERIES
               and r.rule.kind == "more" and o.verdict not in ("null", "inconclusive")]
    return f"If it did, {'these' if changed else 'no'} verdicts would change{': ' * bool(changed)}{'; '.join(changed)}."


def seeds(found: Report) -> str:
    """What was trained, on what, and how often."""
    s = found.settings
    fewer = ", ".join(f"{name}: {n}" for name, n in SEEDS.items() if n < s["seeds"] and "text" not in name)
    return (
        f"{s['seeds']} seeds{f' ({fewer})' if fewer else ''}: each is another split of the digits into "
        f"{s['training_images']:,} images to train and {s['test_images']:,} to test, and another initialisation, "
        f"shared by all that is compared. The network ({'-'.join(map(str, s['sizes']))}) is trained for "
        f"{s['epochs']} epochs in float and, unless a sentence is about just that, for {s['epochs'] // 2} more in "
        f"QAT; activations are calibrated on {s['calibration']} images.{_text(found)}")


def _text(found: Report) -> str:
    """The same of the text column, where it has records."""
    if "text" not in found.records:
        return " On text: not measured here, for `refquant compare --task text` has not laid its text.json in records/."
    n = len({r["seed"] for r in found.records["text"]})
    others = ", ".join(f"{name}: {min(SEEDS[name], found.settings['seeds'])}" for name in SEEDS if "text" in name)
    return (f" On text: {n} seeds ({others}), each holds out another tenth of Alice's Adventures in Wonderland; a "
            "small language model predicts the next character; QAT takes a fifth as many steps as float training.")
