"""refquant keeps every law; every mutant breaks one of its rule."""

import pytest
from hypothesis import Phase, settings

from refquant import RULES
from refquant.testing import LAWS, MUTANTS, Law, Mutant, holds


@pytest.mark.parametrize("law", LAWS.values(), ids=lambda law: law.name)
def test_law_holds(law: Law) -> None:
    """refquant itself, on a quarter of the examples that the mutants get; --hypothesis-profile=deep tries thousands."""
    holds(law, max_examples=-(-STANDARD // 4))


STANDARD = max(100, settings().max_examples)


def breaks(law: Law, mutant: Mutant, examples: int) -> bool:
    """Whether the law notices the mutant within so many examples."""
    try:
        holds(law, mutant.subject(), max_examples=examples, phases=[Phase.generate], report_multiple_bugs=False)
    except Exception:
        return True
    return False


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=lambda mutant: f"{mutant.rule} {mutant.name}")
def test_mutant_dies(mutant: Mutant) -> None:
    laws = mutant.laws(LAWS.values())
    assert any(breaks(law, mutant, n) for n in (20, STANDARD) for law in laws), f"survived {[law.name for law in laws]}"


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_a_law_and_a_mutant(rule: str) -> None:
    assert any(rule in law.rules for law in LAWS.values()), f"no law cites {rule}"
    assert any(rule == mutant.rule for mutant in MUTANTS.values()), f"no mutant breaks {rule}"


def test_laws_and_mutants_cite_only_rules() -> None:
    cited = {rule for law in LAWS.values() for rule in law.rules} | {mutant.rule for mutant in MUTANTS.values()}
    assert cited == set(RULES)
