"""`refquant inspect`: quantize people's own arrays in every way."""

from __future__ import annotations

import argparse

from ..aligned import fitted
from ..options import Commands, echo, number


def add(commands: Commands) -> None:
    parser = commands.add_parser("inspect", help="every way to quantize your own tensors, measured", examples=(
        "refquant inspect weights.npy", "refquant inspect network.npz --bits 4 --out four-bits"),
        description="Quantize each float array of a file in every way, print range, error and size, recommend one, "
        "draw histogram and error; write inspect.json.")
    add = parser.add_argument
    add("file", metavar="FILE", help=".npy, or .npz with several arrays; float16, float32 or float64")
    add("--bits", default="8", metavar="B", help="2 to 16 (default 8); of 4, 6 and 8 bits there are floats and NF4, "
        "too")
    add("--channel-axis", metavar="A", help="the axis that keeps a scale each (default 0, of two axes or more)")
    add("--block", metavar="N", help="values along the last axis that share a scale (default 32)")
    add("--percent", default="99.9", metavar="P", help="the percentile rule's, above 50 up to 100 (default 99.9)")
    add("--skip-nonfinite", action="store_true", help="leave NaN and infinities out instead of refusing them")
    add("--out", default="inspection", metavar="DIR", help="folder for the files (default inspection)")
    add("--svg", action="store_true", help="each figure as SVG, too")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from .job import job, run
    from .settings import Options

    axis = None if options.channel_axis is None else number("inspect", "--channel-axis", options.channel_axis, -64, 63)
    block = None if options.block is None else number("inspect", "--block", options.block, example=32)
    try:
        percent = float(options.percent)
    except ValueError:
        percent = options.percent  # refused, as any other that is out of range
    asked = Options(number("inspect", "--bits", options.bits, 2, 16, 8), axis, block, percent, options.skip_nonfinite)
    for text in run(job(options.file, asked), options.out, options.svg):
        echo(fitted(text))
    return 0
