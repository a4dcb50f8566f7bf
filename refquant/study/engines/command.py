"""`refquant engines`: the disagreement table."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ... import arguments
from ..aligned import fitted, listed
from ..options import Commands, echo, given, known

if TYPE_CHECKING:
    from .cases import Case


def add(commands: Commands) -> None:
    parser = commands.add_parser("engines", help="which production engine departs from which rule, on which input, "
                                 "and why", examples=("refquant engines --x 2.5 --zero-point 1",
                                                      "refquant engines --format mxfp4 --x 31.999998 3"),
                                 description="Print the disagreement table, computed: for each question and input what "
                                 "the rule gives, which engines depart, and the steps of each. With --x: what every "
                                 "engine makes of that number. With --format: the questions about it, and with --x "
                                 "what every engine makes of such a block. With --acc and --m: what every requantizer "
                                 "makes of that accumulator.")
    parser._negative_number_matcher = re.compile(r"-(\.?\d|inf)", re.IGNORECASE)  # argparse: -1e30 is an option
    add = parser.add_argument
    add("--only", nargs="+", metavar="QUESTION", help="only these questions")
    add("--list", action="store_true", help="name the questions, and end")
    add("--markdown", action="store_true", help="print it as Markdown")
    add("--out", metavar="DIR", help="write engines.md, engines.json and the picture engines.png there")
    add("--svg", action="store_true", help="with --out: the picture as SVG, too")
    add("--format", nargs="+", metavar="F", help="formats of blocks: mxfp4, nvfp4, nf4; a wrong name lists all")
    add("--x", nargs="+", metavar="X", help="your own number: 2.5, -1e30, 0x1.8p-2, inf; rounded to float32 first; "
        "with --format the values of a block")
    add("--scale", metavar="S", help="with --x: reals per step (default 1)")
    add("--zero-point", metavar="Z", help="with --x: the code that means 0.0 (default 0)")
    add("--unsigned", action="store_true", help="with --x: uint8 instead of int8")
    add("--acc", metavar="A", help="an accumulator: what every requantizer makes of it, with --m")
    add("--m", metavar="M", help="with --acc: the multiplier, scale_x * scale_w / scale_y")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from .encoders import BLOCKS
    from .questions import QUESTIONS
    from .sums import ask_accumulator
    from .table import case_text, save, table, to_markdown, to_text

    if options.list:
        echo(listed({q.name: f"{', '.join(q.rules):8} {q.asks}" for q in QUESTIONS}))
        return 0
    if options.acc is not None or options.m is not None:
        _idle(options, "without `--acc`", "only", "markdown", "out", "svg", "x", "scale", "zero_point", "unsigned",
              "format")
        echo(fitted(case_text(ask_accumulator(_needed(options.acc, "--acc"), _needed(options.m, "--m")))))
        return 0
    names = known("engines", "--only", options.only, {q.name: q for q in QUESTIONS}, "--list names them")
    formats = known("engines", "--format", options.format, BLOCKS, f"--format takes {', '.join(BLOCKS)}")
    if options.x is None:
        _idle(options, "with `--x`", "scale", "zero_point", "unsigned")
    else:
        _idle(options, "without `--x`", "only", "markdown", "out", "svg")
        echo(fitted("\n\n".join(map(case_text, _asked(options, formats)))))
        return 0
    answered = table(names, formats)
    if not answered:
        raise arguments.error(ValueError, "refquant engines", "`--only` must leave a question on the format",
                              ", ".join(names), "drop it: --format alone asks all that concern it")
    written = None if options.out is None else save(answered, options.out, options.svg)
    echo(to_markdown(answered) if options.markdown else fitted(to_text(answered)))
    if written is not None:
        echo(f"\n{written}")
    return 0


def _asked(options: argparse.Namespace, formats: Sequence[str]) -> list[Case]:
    """What every engine makes of the numbers of --x."""
    from .table import ask_text, block_text

    if formats:
        _idle(options, "without `--format`", "scale", "zero_point", "unsigned")
        return [block_text(options.x, format) for format in formats]
    if len(options.x) > 1:
        raise arguments.error(ValueError, "refquant engines", "`--x` must be one number", " ".join(options.x),
                              "--format mxfp4, say, takes the values of a block")
    return [ask_text(options.x[0], given(options.scale, "1"), given(options.zero_point, "0"), options.unsigned)]


def _idle(options: argparse.Namespace, how: str, *names: str) -> None:
    for name in names:
        if getattr(options, name):
            raise arguments.error(ValueError, "refquant engines", f"`--{name.replace('_', '-')}` must stand {how}",
                                  repr(getattr(options, name)), "--x and --acc ask all engines about one number")


def _needed(value: str | None, name: str) -> str:
    if value is None:
        raise arguments.error(ValueError, "refquant engines", "`--acc` and `--m` must stand together",
                              f"no {name}", "refquant engines --acc 245 --m 0.046875")
    return value
