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
    "confirmed": "the whole interval is on the sentence's side of 0, and the mean is large enough to matter. "
                 "(Sentences that two are the same, or that name a size, have another rule.)",
    "small": "the whole interval is on one side of 0, but the mean is too small to matter.",
    "null": "the interval includes 0 and lies within the margin: no difference that matters.",
    "inconclusive": f"all other cases, and all results from fewer than {FEWEST} seeds. The data do not decide. The "
                    "number after it is half of the interval. If the true effect were of that size, about one "
                    "experiment in two would find it.",
    "refuted": "the whole interval is on the other side of 0, and the mean is large enough to matter.",
}
#: How to read a reading: its words and its figures.
READ = "what was compared: first against second", "by how much the first is better [95 % interval]"
#: The tables that answer, in the order of paragraphs() that stand above them.
DO, CROSS, COST, SO = ("What should I do?", "How many images QAT needs to be better", "What each method costs",
                       "True by definition, or by counting")


def paragraphs() -> list[str]:
    """Of claims.txt: the two tasks; advice; crossings; cost; methods; intervals; margins; what is primary."""
    text = (files(__package__) / "claims.txt").read_text(encoding="utf-8").format(more=MORE, q=FALSE_DISCOVERIES)
    return [" ".join(part.split()) for part in text.split("\n\n")]


def above() -> dict[str, str]:
    """Title of a table -> how to read it."""
    return dict(zip((DO, CROSS, COST), paragraphs()[1:], strict=False))


def how(found: Report) -> list[str]:
    """How it was measured, a paragraph each."""
    methods, intervals, margins, primary = paragraphs()[4:]
    return [methods, seeds(found), intervals, margins, f"{primary} {_corrected(found)}",
            "Made with " + ", ".join(f"{name} {version}" for name, version in found.versions.items()) + "."]


def _corrected(found: Report) -> str:
    """Which verdicts a correction of the primary readings would change."""
    changed = [f"{s.says} ({r.task})" for s, r, o in found.primary() if (o.q or 0) > FALSE_DISCOVERIES
               and r.rule.kind == "more" and o.verdict not in ("null", "inconclusive")]
    return f"By it, {'these' if changed else 'no'} verdicts would change{': ' * bool(changed)}{'; '.join(changed)}."


def seeds(found: Report) -> str:
    """What was trained, on what, and how often."""
    s = found.settings
    fewer = ", ".join(f"{n} in {name}" for name, n in SEEDS.items() if n < s["seeds"] and "text" not in name)
    return (
        f"{s['seeds']} seeds{f' ({fewer}, which take long)' if fewer else ''}. Each seed splits the digits "
        f"anew into {s['training_images']:,} images to train and {s['test_images']:,} to test, and starts from other "
        "weights. What is compared has the same split and the same first weights. The network "
        f"({'-'.join(map(str, s['sizes']))}) is trained for {s['epochs']} epochs in float and, unless a sentence is "
        f"about just that, for {s['epochs'] // 2} more in QAT; activations are calibrated on {s['calibration']} "
        f"images.{_text(found)}")


def _text(found: Report) -> str:
    """The same of the text column, where it has records."""
    if "text" not in found.records:
        return " Text is not measured here: records/ has no text.json, which `refquant compare --task text` makes."
    n = len({r["seed"] for r in found.records["text"]})
    others = ", ".join(f"{min(SEEDS[name], found.settings['seeds'])} in {name}" for name in SEEDS if "text" in name)
    return (f" On text: {n} seeds ({others}). Each holds out another tenth of Alice's Adventures in Wonderland; QAT "
            "takes a fifth as many steps as float training.")
