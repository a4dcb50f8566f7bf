"""`refquant explain`: the steps of one number to its code."""

from __future__ import annotations

import argparse
import re

from ... import arguments
from ...grids import Grid, IntGrid
from ..aligned import fitted
from ..options import Commands, echo, given, known, number


def add(commands: Commands) -> None:
    parser = commands.add_parser("explain", help="one value's steps to its code and back", examples=(
        "refquant explain 480 --scale 1 --grid E4M3 --engine ml_dtypes",
        "refquant explain 2.5 --scale 1 --zero-point 1 --engine litert,pytorch"),
        description="Print each step of x -> q = encode(clip(round(x / scale) + zero_point, qmin, qmax)) -> scale * "
        "(decode(q) - zero_point), exactly, with the rule it follows.")
    parser._negative_number_matcher = re.compile(r"-(\.?\d|inf|nan)", re.IGNORECASE)  # argparse: -1e30 is an option
    parser.add_argument("x", metavar="X", help="the value: 0.35, -1e30, 0x1.8p-2, inf; rounded to the dtype first")
    parser.add_argument("--scale", required=True, metavar="S", help="reals per step, positive and finite")
    parser.add_argument("--zero-point", default="0", metavar="Z", help="the code that means 0.0 (default 0)")
    parser.add_argument("--grid", metavar="G", help="a grid by its name: E4M3, E2M1, NF4, INT4; a wrong name lists all")
    parser.add_argument("--bits", metavar="B", help="without --grid, integers of 2 to 32 bits (default 8)")
    sign = parser.add_mutually_exclusive_group()
    sign.add_argument("--signed", action="store_true", help="codes on both sides of 0 (default)")
    sign.add_argument("--unsigned", action="store_true", help="codes from 0 up")
    parser.add_argument("--narrow", action="store_true", help="drop the lowest signed code")
    parser.add_argument("--dtype", default="float32", metavar="T", help="float16, float32 or float64 (default float32)")
    parser.add_argument("--engine", metavar="E", help="the same value in these engines, side by side, separated by "
                        "commas: onnxruntime,pytorch; a wrong name lists all")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from ..numbers import parameters
    from .trace import explain

    params = parameters("explain", options.scale, options.zero_point, _grid(options), options.dtype)
    if options.engine is None:
        echo(fitted(str(explain(options.x, params, options.dtype))))
        return 0
    from .side_by_side import engines, side_by_side

    if options.dtype != "float32" and params.grid.equal_steps:
        raise arguments.error(ValueError, "refquant explain", "`--engine` goes with float32, in which engines compute",
                              f"--dtype {options.dtype}", "drop --dtype")
    found = engines()
    names = known("explain", "--engine", [options.engine], found, f"X --engine {','.join(found)} shows all")
    echo(fitted(side_by_side(options.x, params, names, options.dtype)))
    return 0


def _grid(options: argparse.Namespace) -> Grid:
    """The grid by its name, or integers by their bits and sides."""
    if options.grid is None:
        bits = number("explain", "--bits", given(options.bits, "8"), 2, 32, 8)
        return IntGrid(bits, signed=not options.unsigned, narrow=options.narrow)
    from ..formats import grid_named

    for name in ("bits", "signed", "unsigned", "narrow"):
        if getattr(options, name):
            raise arguments.error(ValueError, "refquant explain", "`--grid` tells the bits and the sides of the grid",
                                  f"--grid {options.grid} and --{name}", f"drop --{name}, or name no grid")
    return grid_named("refquant explain", options.grid)
