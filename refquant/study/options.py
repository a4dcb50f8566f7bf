"""What the commands' options share: a parser whose complaint is one line, whole numbers, known names."""
from __future__ import annotations

import argparse
import difflib
import os
from collections.abc import Mapping, Sequence
from typing import NoReturn, TypeAlias

from .. import arguments


class Parser(argparse.ArgumentParser):
    """argparse, its complaint in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}. Hint: {self.prog} --help.\n")


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"


def known(command: str, option: str, given: Sequence[str] | None, names: Mapping[str, object], hint: str) -> list[str]:
    """Names, separated by spaces or commas, all known; an unknown one gets the nearest."""
    asked = ",".join(given).split(",") if given else []
    for name in asked:
        if name not in names:
            nearest = difflib.get_close_matches(name, names, 1, 0)[0]
            raise arguments.error(ValueError, f"refquant {command}", f"`{option}` must take known names", repr(name),
                                  f"did you mean {nearest}? refquant {command} {hint}")
    return asked


def add_runs(parser: Parser, seeds: int, quick: int) -> None:
    """--seeds, --quick and --jobs."""
    parser.add_argument("--seeds", metavar="N", help=f"how many seeds, 0 to N - 1 (default {seeds})")
    parser.add_argument("--quick", action="store_true", help=f"{quick} seeds and a fifth of the epochs: a first look, "
                        "not a measurement")
    parser.add_argument("--jobs", default=str(os.cpu_count() or 1), metavar="J", help="processes (default: one per "
                        "core); the records do not depend on it, except for seconds")
    parser.set_defaults(default_seeds=(seeds, quick))


def runs(command: str, options: argparse.Namespace, most: int) -> tuple[int, int, int]:
    """How many seeds, processes and epochs are asked for."""
    usual, quick = options.default_seeds
    seeds = options.seeds if options.seeds is not None else quick if options.quick else usual
    return (number(command, "--seeds", str(seeds), 1, most), number(command, "--jobs", options.jobs),
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
