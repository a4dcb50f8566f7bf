"""The laws of the methods find faults that are planted in the methods themselves, and let right ones pass."""

import inspect
import types
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import Phase

from refquant import methods
from refquant.testing import MUTANTS, Law, holds, kills, laws_citing
from refquant.testing.mutants import methods as skeletons

METHODS = ("gptq", "smoothquant", "hadamard", "awq")
FACTOR = "np.linalg.cholesky(h[::-1, ::-1])[::-1, ::-1]"
PLANTED = [
    ("gptq", "a transposed factor", FACTOR, "np.linalg.cholesky(h).T"),
    ("gptq", "the lower factor", FACTOR, f"{FACTOR}.T"),
    ("gptq", "damping forgotten", "+= damp", "+= 0 * damp"),
    ("gptq", "an error that is added", "exact[j] - (made", "exact[j] + (made"),
    ("gptq", "the update on the wrong side", "made += share[first:j, j] @ d[first:j]",
     "made += share[j, j + 1:after.stop] @ d[j + 1:after.stop]"),
    ("gptq", "blocks that do not hear of those before", "share[:first, after].T @ d[:first]",
     "share[:0, after].T @ d[:0]"),
    ("gptq", "the sign of zero", "exact[j] - (made + 0.0)", "0.0 + exact[j] - made"),
    ("gptq", "a row's scale in the wrong order", "[each[j] for j in order]", "each"),
    ("gptq", "decided in float64", "aim.astype(dtype)", "aim"),
    ("smoothquant", "a dead channel", "(of_x > 0) & (of_w > 0)", "(of_x > 0) | (of_w > 0)"),
    ("smoothquant", "alpha for both", "of_w ** (1 - alpha)", "of_w ** alpha"),
    ("hadamard", "one stage too few", "while step < n:", "while 2 * step < n:"),
    ("hadamard", "the last axis", "return np.moveaxis(y.reshape(last.shape) / np.sqrt(n), -1, axis)",
     "return (y.reshape(last.shape) / np.sqrt(n))"),
    ("awq", "the worst", "if loss < least", "if loss > least"),
    ("awq", "inputs that are not divided", "(exact / s)", "exact"),
]


def broken(law: Law, subject: Any, examples: int = 60) -> bool:
    try:
        holds(law, subject, max_examples=examples, phases=[Phase.generate], report_multiple_bugs=False)
    except Exception:
        return True
    return False


@pytest.mark.parametrize(("name", "old", "new"), [(n, old, new) for n, _, old, new in PLANTED],
                         ids=[f"{n}: {what}" for n, what, *_ in PLANTED])
def test_a_fault_planted_in_the_method_is_found(name: str, old: str, new: str) -> None:
    module = inspect.getmodule(getattr(methods, name))
    assert module is not None
    source = inspect.getsource(module)
    assert source.count(old) == 1
    planted = types.ModuleType(module.__name__)
    planted.__package__ = module.__package__
    exec(compile(source.replace(old, new), "planted", "exec"), planted.__dict__)
    assert any(broken(law, planted) for law in laws_citing(name))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "right"), [
    ("gptq", skeletons._gptq()), ("smoothquant", skeletons._smoothquant()), ("awq", skeletons._awq()),
    ("hadamard", skeletons._hadamard(lambda y: y))])
def test_mutants_die_by_what_was_exchanged_alone(name: str, right: Any) -> None:
    assert not any(broken(law, SimpleNamespace(**{name: right}), 200) for law in laws_citing(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_every_mutant_of_a_method_dies_in_20_of_20_runs(name: str) -> None:
    ours = [mutant for mutant in MUTANTS.values() if mutant.rule == name]
    assert len(ours) >= 4
    for mutant in ours:
        assert sum(kills.killed(mutant, 100) for _ in range(20)) == 20, mutant.name
