"""What the commands' options share: a parser whose help ends with examples, whole numbers, names and their meaning."""

from __future__ import annotations

import argparse
import difflib
import inspect
import os
import re
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, TypeAlias

from .. import arguments
from .aligned import room


class Parser(argparse.ArgumentParser):
    """argparse without abbreviations, its complaint in one line, its help with examples at the end."""

    def __init__(self, *, description: str, examples: Sequence[str], **options: Any) -> None:
        parts = [textwrap.fill(" ".join(part.split()), room(80) - 2) for part in description.split("\n\n")]
        super().__init__(description="\n\n".join(parts), allow_abbrev=False,
                         epilog="\n  ".join(["examples:", *examples]),
                         formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}. Hint: {self.prog} --help.\n")


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"


def echo(*texts: str) -> None:
    """Print now. If nobody reads the output any more, go on in silence: the files are still to be written."""
    try:
        print(*texts, sep="\n", flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def refuse_empty(parser: Parser, options: argparse.Namespace) -> None:
    """No argument is empty: an unset variable of the shell must not count as an option that is not given."""
    for action in parser._actions:
        given = getattr(options, action.dest, None)
        for word in given if isinstance(given, list) else [given]:
            if isinstance(word, str) and not word.strip():
                name = action.option_strings[0] if action.option_strings else action.metavar
                raise arguments.error(ValueError, parser.prog, f"`{name}` must not be empty", repr(word),
                                      "set the variable of the shell, or leave the option out")


def meaning(function: Callable[..., Any]) -> str:
    """The docstring behind a name, from the source where python -OO dropped it.

    >>> meaning(meaning).split(",")[0]
    'The docstring behind a name'
    """
    if function.__doc__ is not None:
        return function.__doc__
    found = re.search(r'"""(.*?)"""', inspect.getsource(function), re.DOTALL)
    return found[1] if found else function.__name__


def known(command: str, option: str, given: Sequence[str] | None, names: Mapping[str, object], hint: str) -> list[str]:
    """Names, separated by spaces or commas, all known; an unknown one gets the nearest."""
    asked = ",".join(given).split(",") if given else []
    for name in asked:
        if name not in names:
            nearest = difflib.get_close_matches(name, names, 1, 0)[0]
            raise arguments.error(ValueError, f"refquant {command}", f"`{option}` must take known names", repr(name),
                                  f"did you mean {nearest}? refquant {command} {hint}")
    return asked


def add_runs(parser: Parser, seeds: int, quick: int, out: str) -> None:
    """--seeds, --quick, --jobs and --out."""
    parser.add_argument("--seeds", metavar="N", help=f"how many seeds, 0 to N - 1 (default {seeds})")
    parser.add_argument("--quick", action="store_true", help=f"{quick} seeds and a fifth of the epochs: a first look, "
                        "not a measurement")
    parser.add_argument("--jobs", metavar="J", help="processes (default: one per "
                        "core); the records do not depend on it, except for seconds")
    parser.add_argument("--out", metavar="DIR", help=f"folder for the files (default {out}, or {out}-quick)")
    parser.set_defaults(default_seeds=(seeds, quick), default_out=out)


def folder_for(options: argparse.Namespace) -> str:
    """Where the files go; a quick run does not replace a full one's."""
    return given(options.out, options.default_out + "-quick" * options.quick)


def runs(command: str, options: argparse.Namespace, most: int) -> tuple[int, int, int]:
    """How many seeds, processes and epochs are asked for."""
    usual, quick = options.default_seeds
    seeds = options.seeds if options.seeds is not None else quick if options.quick else usual
    jobs = given(options.jobs, str(os.cpu_count() or 1))
    return (number(command, "--seeds", str(seeds), 1, most), number(command, "--jobs", jobs),
            12 if options.quick else 60)


def given(text: str | None, default: str) -> str:
    return default if text is None else text


def number(command: str, name: str, text: str, least: int = 1, most: int | None = None,
            example: int | None = None) -> int:
    """A whole number from a command line."""
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least or (most is not None and value > most):
        span = f"at least {least}" if most is None else f"from {least} to {most}"
        raise arguments.error(ValueError, f"refquant {command}", f"`{name}` must be a whole number {span}", repr(text),
                              f"{name} {example or least}, say")
    return value
