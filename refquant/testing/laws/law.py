"""What a law is, how it is tried, and how the laws compare."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import refquant

from ...grids import Grid
from .. import strategies

Check: TypeAlias = Callable[[Any, Any], None]
Grids: TypeAlias = st.SearchStrategy[Grid]


class Law(NamedTuple):
    """A property: the check that raises where it fails, the rules (or the method) it cites, and its cases.

    A law of every grid also says how cases are drawn on the grids of a strategy, so that laws_of can name one. `called`
    names a check that is tried on other cases, too.
    """

    check: Check
    rules: tuple[str, ...]
    cases: st.SearchStrategy[Any]
    on: Callable[[Grids], st.SearchStrategy[Any]] | None = None
    called: str = ""

    @property
    def name(self) -> str:
        return self.called or self.check.__name__


def on_grids(check: Check, rules: tuple[str, ...], on: Callable[[Grids], st.SearchStrategy[Any]],
             grids: Grids = strategies.EVERY, called: str = "") -> Law:
    """A law of every grid, or of those that `grids` draws."""
    return Law(check, rules, on(grids), on, called)


def holds(law: Law, subject: Any = refquant, **options: Any) -> None:
    """Try the law on drawn cases, warnings being errors; options are hypothesis.settings.

    >>> from refquant.testing import LAWS
    >>> holds(LAWS["a_grid_has_its_codes"], max_examples=10)
    """
    @settings(**options)
    @given(law.cases)
    def run(case: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            law.check(subject, case)
    run()


def refuses(kind: type[Exception], rule: str, call: Callable[[], object], saying: str = "") -> None:
    """The call raises `kind`, and the message cites the rule and says `saying`."""
    try:
        result = call()
    except kind as refusal:
        assert f"({rule})" in str(refusal) and saying in str(refusal), f"{rule}: not what the message says: {refusal}"
    else:
        raise AssertionError(f"{rule}: accepted what must be refused, with result {result!r}")


def equal(rule: str, got: Any, expected: Any) -> None:
    """Same dtype, same shape, same values bit for bit, the sign of zero too."""
    got, expected = np.asarray(got), np.asarray(expected)
    assert (got.dtype, got.shape) == (expected.dtype, expected.shape), (
        f"{rule}: {got.dtype}{got.shape} instead of {expected.dtype}{expected.shape}")
    same = np.array_equal(got, expected) and np.array_equal(np.signbit(got), np.signbit(expected))
    assert same, f"{rule}: {got!r} instead of {expected!r}"


def native(x: Any) -> Any:
    """x in the machine's order of bytes, as scalars have it."""
    return x.astype(x.dtype.newbyteorder("="))


def each(f: Callable[..., Any], dtype: np.dtype[Any], *arrays: Any) -> Any:
    """f on the elements of arrays broadcast to the first one's shape."""
    first, *others = arrays
    out = np.empty(np.shape(first), dtype)
    others = [np.broadcast_to(a, out.shape) for a in others]
    for i in np.ndindex(out.shape):
        out[i] = f(first[i], *(a[i] for a in others))
    return out
