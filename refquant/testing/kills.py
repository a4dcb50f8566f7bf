"""How often each mutant is killed: `python -m refquant.testing.kills [--runs 20] [--examples 100] [PATTERN]`.

Beside the kit's data, the same law on plain random floats: on them most mutants of rounding survive.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import Phase
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ..affine import AffineParams
from ..grids import INT8
from . import LAWS, MUTANTS, Law, Mutant, holds
from .strategies import Quantization

COMPARED = ("codes_are_the_oracles", "fake_quantized_values_are_the_oracles")


def plain_floats() -> st.SearchStrategy[Quantization]:
    """24 floats as hypothesis draws them, and a scale likewise: what a test without decision points would try.

    >>> plain_floats().validate()
    """
    def case(x: Any, scale: float, z: int) -> Quantization:
        return Quantization(x, AffineParams(scale=np.float32(scale), zero_point=z, grid=INT8))

    return st.builds(case, hnp.arrays(np.float32, (24,), elements=st.floats(-1000, 1000, width=32)),
                     st.floats(0.0625, 16, width=32), st.integers(-128, 127))


def killed(mutant: Mutant, examples: int, plain: bool = False) -> bool:
    """Whether a law that cites the mutant's rule breaks, on newly drawn examples.

    >>> killed(MUTANTS["truncated"], examples=20)
    True
    """
    laws = mutant.laws(LAWS.values())
    if plain:
        laws = [law._replace(cases=plain_floats()) for law in laws if law.name in COMPARED]
    return any(_breaks(law, mutant.subject(), examples) for law in laws)


def _breaks(law: Law, subject: Any, examples: int) -> bool:
    try:
        holds(law, subject, max_examples=examples, derandomize=False, database=None, deadline=None,
              phases=[Phase.generate], report_multiple_bugs=False)
    except Exception:
        return True
    return False


def main(argv: Sequence[str] | None = None) -> int:
    """Print a line per mutant; 1 if one survived a run."""
    parser = argparse.ArgumentParser(prog="python -m refquant.testing.kills", description="Kills per mutant.")
    parser.add_argument("pattern", nargs="?", default="", help="only mutants whose rule and name hold this text")
    parser.add_argument("--runs", type=int, default=20, help="runs, each on newly drawn examples (default 20)")
    parser.add_argument("--examples", type=int, default=100, help="examples per law (default 100)")
    options = parser.parse_args(argv)
    chosen = [m for m in MUTANTS.values() if options.pattern in f"{m.rule} {m.name}"]
    if options.runs < 1 or options.examples < 1 or not chosen:
        parser.error(f"there must be a run, an example and a mutant; got --runs {options.runs}, --examples "
                     f"{options.examples} and {len(chosen)} mutants named {options.pattern!r}. Hint: 'R4 ', say.")
    print(f"kills in {options.runs} runs of {options.examples} examples\n\nkit  plain floats  mutant", flush=True)
    survived = 0
    for mutant in chosen:
        kit = sum(killed(mutant, options.examples) for _ in range(options.runs))
        comparable = {"quantize", "fake_quantize"} & set(mutant.wrong) and mutant.rule in ("R2", "R3", "R4", "R5", "R6")
        plain = str(sum(killed(mutant, options.examples, True) for _ in range(options.runs))) if comparable else "–"
        survived += kit < options.runs
        print(f"{kit:3}  {plain:>12}  {mutant.rule} {mutant.name}", flush=True)
    print(f"\n{len(chosen) - survived} of {len(chosen)} mutants died in every run.")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
