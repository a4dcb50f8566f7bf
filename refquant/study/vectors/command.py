"""`refquant vectors`: write the test vectors."""

from __future__ import annotations

import argparse

from ..options import Commands, echo


def add(commands: Commands) -> None:
    parser = commands.add_parser("vectors", help="test vectors for other languages, in JSON", examples=(
        "refquant vectors", "refquant vectors --out tests/vectors"),
        description="Write inputs and expected results of each function at decision points, reals in hexadecimal and "
        "as bits, with a schema, a README (how to read them in C, JavaScript, Rust) and a checker in C.")
    parser.add_argument("--out", default="vectors", metavar="DIR", help="folder for the files (default vectors)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from .documents import save

    echo(str(save(options.out)))
    return 0
