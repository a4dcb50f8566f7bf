"""refquant keeps every law; every mutant breaks one of its rule."""

from types import ModuleType
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st

from refquant import RULES, mse
from refquant.testing import LAWS, MUTANTS, Law, Mutant, holds, kills, laws, mutants


@pytest.mark.parametrize("law", LAWS.values(), ids=lambda law: law.name)
def test_law_holds(law: Law) -> None:
    """refquant itself, on a fifth of the examples that the mutants get; --hypothesis-profile=deep tries thousands."""
    holds(law, max_examples=-(-STANDARD // 5))


STANDARD = max(100, settings().max_examples)


def breaks(law: Law, mutant: Mutant, examples: int) -> bool:
    """Whether the law notices the mutant within so many examples."""
    try:
        holds(law, mutant.subject(), max_examples=examples, phases=[Phase.generate], report_multiple_bugs=False)
    except Exception:
        return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=lambda mutant: f"{mutant.rule} {mutant.name}")
def test_mutant_dies(mutant: Mutant) -> None:
    laws = mutant.laws(LAWS.values())
    assert any(breaks(law, mutant, n) for n in (20, STANDARD) for law in laws), f"survived {[law.name for law in laws]}"


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_a_law_and_a_mutant(rule: str) -> None:
    assert any(rule in law.rules for law in LAWS.values()), f"no law cites {rule}"
    assert any(rule == mutant.rule for mutant in MUTANTS.values()), f"no mutant breaks {rule}"


def test_laws_and_mutants_cite_only_rules_and_methods() -> None:
    cited = {rule for law in LAWS.values() for rule in law.rules} | {mutant.rule for mutant in MUTANTS.values()}
    assert cited == {*RULES, "gptq", "smoothquant", "hadamard", "awq"}


def test_no_law_and_no_mutant_hides_another_of_its_name() -> None:
    for package, table in ((laws, "LAWS"), (mutants, "MUTANTS")):
        parts = [getattr(part, table) for part in vars(package).values()
                 if isinstance(part, ModuleType) and hasattr(part, table)]
        assert len(parts) >= 5 and sum(map(len, parts)) == len(getattr(package, table))


def test_a_mutant_and_a_law_that_join_the_tables_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    def the_error_against_itself_is_0(subject: Any, x: list[float]) -> None:
        assert subject.mse(x, x) == 0

    law = Law(the_error_against_itself_is_0, ("R8",), st.lists(st.floats(-9, 9), min_size=1))
    mutant = Mutant("error one too large", "R8", {"mse": lambda x, y: mse(x, y) + 1})
    words = ["--runs", "1", "--examples", "20", mutant.name]
    monkeypatch.setitem(MUTANTS, mutant.name, mutant)
    assert kills.main(words) == 1, "no law looks at it"
    monkeypatch.setitem(LAWS, law.name, law)
    assert kills.main(words) == 0
