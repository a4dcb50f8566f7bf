"""Plain English: wordings that had to be read twice stand nowhere in README, pages and what the commands say."""

import re
from pathlib import Path

import pytest

import refquant as rq
from refquant.study.cli import parser

#: A wording -> a plainer one.
PLAINER = {
    r"\bread otherwise\b|\b(is|are) read as\b": "predicted differently",
    r"\bbatch mates\b": "the other images of the batch",
    r"\b(keep|keeps|their|its) reading\b": "prediction",
    r"\b[Tt]he door\b": "the input",
    r"\bjourneys?\b": "steps",
    r"\btold (by|of|that)\b|\bsaid_of_|\bsay of a teacher\b": "the thing itself",
    r"\bWays?\b": "convention",
    r"\bbut for\b|\ball but\b": "except",
    r"\b[Ww]h(o|om)ever\b": "everybody who",
    r"\bthat (is|are) none\b|\bwhat it has not\b": "what is missing",
    r"\b\w+'s doing\b": "the cause as the subject",
    r"\bhears nothing\b|\bis not heard\b": "without incoming, without outgoing weights",
    r"\bbears?\b": "tolerates",
    r"\bdrowns?\b": "is hidden by",
    r"\bforetells?\b": "computes",
    r"\bto who\b|\bof who\b": "people that",
    r"\bwho (gives?|departs?|skips?|agrees?|differs?)\b": "engines that",
    r"\bfinite there too\b": "values that overflow are refused",
    r"\bmake up to one\b": "differ in up to one",
    r"\bno code for what\b": "so that no code is spent",
    r"\bruns? in a circle\b": "cycles",
    r"\b(is|are) to be (known|said) of\b": "notes on",
    r"\bnone of the others\b": "the thing itself",
}
FOLDER = Path(rq.__file__).parent / "study"
TEXTS = {str(path.relative_to(FOLDER)): path.read_text(encoding="utf-8")
         for path in sorted(FOLDER.rglob("*")) if path.suffix in (".py", ".md", ".c")}
ROOT = FOLDER.parent.parent
PAGES = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
         for path in (ROOT / "README.md", *sorted((ROOT / ".readme").rglob("*.md")))}
HELPS = {f"{name} --help": each.format_help() for name, each in parser()[1].items()}


@pytest.mark.parametrize("wording", PLAINER)
def test_no_wording_that_must_be_read_twice(wording: str) -> None:
    found = [f"{place}, line {n}: {line.strip()}" for place, text in {**TEXTS, **PAGES, **HELPS}.items()
             for n, line in enumerate(text.splitlines(), 1) if re.search(wording, line)]
    assert not found, "\n".join([f"better: {PLAINER[wording]}", *found])


def test_the_wordings_of_the_first_edition_are_found() -> None:
    """The patterns find what they are for."""
    for sentence in (
            "1.8 % at W4A4 are read otherwise among other batch mates", "images that keep their reading, minus all",
            "codes are refquant's, but for ties", "The door quantizes; then codes alone.", "a tie that is none",
            "A unit that hears nothing or is not heard", "`x` as float32, finite there too.", "by float32's doing",
            "how many outliers a percentile bears", "At 2 bits it drowns altogether", "Whoever departs",
            "no code for what does not occur", "On few values it can run in a circle", "One value's journey"):
        assert any(re.search(wording, sentence) for wording in PLAINER), sentence
