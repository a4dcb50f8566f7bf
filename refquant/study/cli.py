"""The command line: each command is added by its folder's command.py. Bad input: one line, status 2."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Sequence

from .. import __version__
from .claims import command as claims
from .compare import command as compare
from .engines import command as engines
from .explain import command as explain
from .inspect import command as inspect
from .jobs import spoken, terminable
from .options import Parser, refuse_empty
from .vectors import command as vectors


def parser() -> tuple[Parser, dict[str, Parser]]:
    """The parser, and that of each command."""
    whole = Parser(prog="refquant", description="The reference for neural-network quantization, in NumPy.", examples=(
        "refquant compare --quick", "refquant explain 0.35 --scale 0.1"))
    whole.add_argument("--version", action="version", version=f"refquant {__version__}")
    commands = whole.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)
    for command in (compare, claims, inspect, explain, engines, vectors):
        command.add(commands)
    return whole, dict(commands.choices)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    whole, commands = parser()
    options, unknown = whole.parse_known_args(argv)
    name = f"refquant {options.command}"
    if unknown:
        commands[options.command].error(f"unrecognized arguments: {' '.join(unknown)}")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without ± shows ?, and nothing is lost
    try:
        with terminable(), spoken(name):
            refuse_empty(commands[options.command], options)
            return int(options.run(options))
    except (ValueError, TypeError, ImportError) as complaint:
        text = str(complaint)  # of the function that found it; one prefix is enough
        print(text if text.startswith(name) else f"{name}: {re.sub(r'^[a-zA-Z_]+: ', '', text)}", file=sys.stderr)
        return 2
    except (OSError, RuntimeError) as failure:  # no space left, a worker killed
        print(f"{name}: {failure}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{name}: interrupted; no file is half-written.", file=sys.stderr)
        return 130
