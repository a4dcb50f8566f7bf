"""The command line: `refquant compare`. Bad input is one line and exit status 2."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from .. import __version__, _check
from .files import writable_folder
from .jobs import terminable


class _Parser(argparse.ArgumentParser):
    """argparse, its complaint in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}. Hint: {self.prog} --help.\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    parser = _Parser(prog="refquant", description="The reference for neural-network quantization, in NumPy.",
                     allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"refquant {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    _add_compare(commands)
    options = parser.parse_args(argv)
    try:
        with terminable():
            return int(options.run(options))
    except (ValueError, TypeError) as complaint:
        print(complaint, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"refquant {options.command}: interrupted; no file is half-written.", file=sys.stderr)
        return 130


def _add_compare(commands: "argparse._SubParsersAction[_Parser]") -> None:
    parser = commands.add_parser("compare", allow_abbrev=False, help="float, PTQ and QAT of one network on real data",
                                 description="Train a small network on handwritten digits, quantize it after training "
                                 "and train it again with quantization; print the table, write records and figures.")
    parser.add_argument("--seeds", default="10", metavar="N", help="how many seeds, 0 to N - 1 (default 10)")
    parser.add_argument("--bits", default=["8", "4", "3", "2"], nargs="+", metavar="B",
                        help="widths of weights and activations, 2 to 16 (default 8 4 3 2)")
    parser.add_argument("--jobs", default=str(os.cpu_count() or 1), metavar="J",
                        help="processes (default: one per core); the records do not depend on it")
    parser.add_argument("--out", default="comparison", metavar="DIR", help="folder for the files (default comparison)")
    parser.set_defaults(run=_compare)


def _compare(options: argparse.Namespace) -> int:
    seeds, jobs = _number("--seeds", options.seeds), _number("--jobs", options.jobs)
    bits = list(dict.fromkeys(_number("--bits", b, 2, 16) for b in ",".join(options.bits).split(",")))
    folder = writable_folder("refquant compare", options.out)
    from .compare import compare, save, table

    records = compare(seeds, sorted(bits, reverse=True), jobs)
    print(table(records))
    print("\nWritten: " + ", ".join(str(path) for path in save(records, folder)))
    return 0


def _number(name: str, text: str, least: int = 1, most: int | None = None) -> int:
    """A whole number from a command line."""
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least or (most is not None and value > most):
        span = f"at least {least}" if most is None else f"from {least} to {most}"
        raise _check.error(ValueError, "refquant compare", f"`{name}` must be a whole number {span}", repr(text),
                           f"{name} {least}, say")
    return value
