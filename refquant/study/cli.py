"""The command line: each command is added by its folder's command.py. Bad input: one line, status 2."""
from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from .. import __version__
from .claims import command as claims
from .compare import command as compare
from .engines import command as engines
from .explain import command as explain
from .inspect import command as inspect
from .jobs import terminable
from .options import Parser
from .vectors import command as vectors


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    parser = Parser(prog="refquant", description="The reference for neural-network quantization, in NumPy.",
                     allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"refquant {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)
    for command in (compare, claims, inspect, explain, engines, vectors):
        command.add(commands)
    options, unknown = parser.parse_known_args(argv)
    if unknown:
        commands.choices[options.command].error(f"unrecognized arguments: {' '.join(unknown)}")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without ± shows ?, and nothing is lost
    try:
        with terminable():
            return int(options.run(options))
    except (ValueError, TypeError, ImportError) as complaint:
        print(complaint, file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output left; the files are written
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (OSError, RuntimeError) as failure:  # no space left, a worker killed
        print(f"refquant {options.command}: {failure}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"refquant {options.command}: interrupted; no file is half-written.", file=sys.stderr)
        return 130
