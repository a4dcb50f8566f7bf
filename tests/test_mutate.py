"""The mutation test (mutate.py) changes what it says, and its table explains mutants that there are."""

import json
from pathlib import Path

import mutate
import pytest

REASONS = json.loads((mutate.ROOT / "tests" / "equivalent_mutants.json").read_text(encoding="utf-8"))


def test_every_reason_has_its_mutant() -> None:
    every = {(mutant.line, mutant.changed) for path in mutate.MODULES for mutant in mutate.mutants(path)}
    gone = [change for line, changes in REASONS.items() for change in ((line, changed) for changed in changes)
            if change not in every]
    assert not gone, "the source has changed: look whether the reasons still hold"
    assert all(reason.strip() for changes in REASONS.values() for reason in changes.values())


@pytest.mark.parametrize(("line", "changed"), [
    ("a < b", {"a <= b"}), ("a in b", {"a not in b"}), ("a is not b", {"a is b"}), ("a and (b) and c", {
        "a or (b) and c", "a and (b) or c"}), ("not a", {" a"}), ("-1", {"1", "-2"}), ("a ** b", {"a * b"}),
    ("a += b", {"a -= b"}), ("a >>= b", {"a <<= b"}), ("x.min()", {"x.max()"}), ("np.int64", {"np.int32"}),
    ("'int16'", {"'int32'"}),
    ("f(x, axis=y)", {"f(x, )"}), ("f(axis=y, out=z)", {"f( out=z)", "f(axis=y, )"}), ("True", {"False"}),
    ("a if b else c", {"a if not b else c"}), ("x: int | None", set()), ("raise E(1 + 2)", set()),
    ("def f(x: A | B) -> C | D: g(x)", set()), ("f'{1 + 2}'", set())])
def test_every_kind_of_change(line: str, changed: set[str], tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(f"first\n{line}\n", encoding="utf-8")
    found = list(mutate.mutants(path))
    assert {mutant.text for mutant in found} == {f"first\n{c}\n" for c in changed}
    assert all((mutant.number, mutant.line) == (2, line) for mutant in found)
