"""Mutants of the methods: the text of the method's module, changed in one place. Most name the method, not a rule."""

from __future__ import annotations

import inspect
import sys
from functools import cache
from types import ModuleType
from typing import Any

from .mutant import Mutant

DIVIDED = "y.reshape(last.shape) / np.sqrt(n)"
FACTOR = "np.linalg.cholesky(h[::-1, ::-1])[::-1, ::-1]"
ORDER = "order = np.flatnonzero(np.diag(h))"


@cache
def _changed(method: str, old: str, new: str) -> Any:
    """The method, where `new` stands for `old`, once, in its module."""
    module = sys.modules[f"refquant.methods.{method}"]  # refquant.methods.gptq is the function
    text = inspect.getsource(module)
    assert text.count(old) == 1, f"{method}: {old!r} stands {text.count(old)} times in its module"
    changed = ModuleType(module.__name__)
    changed.__package__ = module.__package__
    exec(compile(text.replace(old, new), f"<{method}, changed>", "exec"), vars(changed))
    return getattr(changed, method)


def _mutant(method: str, name: str, old: str, new: str, rule: str = "") -> Mutant:
    """A mutant that is made when it is first called."""
    return Mutant(name, rule or method, {method: lambda *args, **options: _changed(method, old, new)(*args, **options)})


MUTANTS = (
    _mutant("gptq", "the factor transposed", FACTOR, "np.linalg.cholesky(h).T"),
    _mutant("gptq", "the lower factor for the upper", FACTOR, f"{FACTOR}.T"),
    _mutant("gptq", "damping forgotten", "+= damp", "+= 0 * damp"),
    _mutant("gptq", "damp in units of one", "h /= np.mean(np.diag(h))", "h /= 1"),
    _mutant("gptq", "the update on the wrong side", "share[first:j, j] @ d[first:j]",
            "share[j, j + 1:after.stop] @ d[j + 1:after.stop]"),
    _mutant("gptq", "the error added", "exact[j] - (c", "exact[j] + (c"),
    _mutant("gptq", "the share divided by the other diagonal", "r / np.diag(r)", "r / np.diag(r)[:, None]"),
    _mutant("gptq", "blocks that do not hear of those before", "share[:first, after].T @ d[:first]",
            "share[:0, after].T @ d[:0]"),
    _mutant("gptq", "dead weights become 0", ORDER, f"{ORDER}; q[np.diag(h) == 0] = 0"),
    _mutant("gptq", "codes that stay in another order", "q[order] =", "q[:len(order)] ="),
    _mutant("gptq", "rows by the scale of another", "[each[j] for j in order]", "each"),
    _mutant("gptq", "an aim rounded in float64", "aim.astype(dtype)", "aim", "R3"),
    _mutant("gptq", "the sign of zero lost on the way", "exact[j] - (correction + 0.0)",
            "0.0 + exact[j] - correction", "R17"),
    _mutant("smoothquant", "alpha for 1 - alpha", "of_x**alpha / of_w ** (1 - alpha)",
            "of_x ** (1 - alpha) / of_w**alpha"),
    _mutant("smoothquant", "means for maxima", "np.abs(x).max(axis=0)", "np.abs(x).mean(axis=0)"),
    _mutant("smoothquant", "maxima with their sign", "np.abs(x).max(axis=0)", "x.max(axis=0)"),
    _mutant("smoothquant", "the largest of all weights", "max(axis=1, initial=0)", "max(initial=0, keepdims=True)[0]"),
    _mutant("smoothquant", "dead channels", "(of_x > 0) & (of_w > 0)", "(of_x > 0) | (of_w > 0)"),
    _mutant("hadamard", "not divided", DIVIDED, "y.reshape(last.shape)"),
    _mutant("hadamard", "divided twice", DIVIDED, "y.reshape(last.shape) / n"),
    _mutant("hadamard", "one stage too few", "while step < n:", "while 2 * step < n:"),
    _mutant("hadamard", "the other sign", "pairs[:, :, 0] - pairs[:, :, 1]", "pairs[:, :, 1] - pairs[:, :, 0]"),
    _mutant("hadamard", "back along the last axis", "np.sqrt(n), -1, axis)", "np.sqrt(n), -1, -1)"),
    _mutant("awq", "the maximum for the mean", "np.abs(exact).mean(axis=0)", "np.abs(exact).max(axis=0)"),
    _mutant("awq", "the mean with its sign", "np.abs(exact).mean(axis=0)", "np.abs(exact.mean(axis=0))"),
    _mutant("awq", "weights divided", "(m**a).astype", "(m**-a).astype"),
    _mutant("awq", "nearest is not tried", "np.arange(STEPS + 1)", "np.arange(1, STEPS + 1)"),
    _mutant("awq", "inputs that are not divided", "(exact / s)", "exact"),
    _mutant("awq", "in units of x", "m / np.sqrt(live.max(initial=0) * live.min(initial=np.inf))", "m"),
    _mutant("awq", "the worst", "if loss < least", "if loss > least"))
