"""`refquant inspect`: which width, which format, which granularity, for the weights that people have."""

from __future__ import annotations

import argparse

from ..aligned import fitted
from ..options import Commands, echo, number


def add(commands: Commands) -> None:
    parser = commands.add_parser("inspect", help="which width, format and granularity for your own weights", examples=(
        "refquant inspect model.safetensors", "refquant inspect folder --bits 8 4 3 --only 'layers.*.q_proj'"),
        description="Quantize every array of a model in every format, with one scale, a scale for each channel of "
        "either axis, or a scale for each block. Print what is recommended for each array, with its SQNR, its worst "
        "channel and its bytes; the arrays that lose most, and why; one scheme to ship, what it costs, which engines "
        "take it, and the arrays to except. Write inspect.json, inspect.csv and pictures of bits against error. "
        "Recommended is the simplest scheme within 1 dB of the best: every channel counts alike, more than 35 dB (an "
        "error of 1.8 %) counts as 35, a bit per value spent on scales of blocks costs 6.02 dB, and no channel becomes "
        "all 0 that another scheme keeps. Arrays of one axis or fewer than 4,096 values stay float. In large arrays "
        "the recommended scheme is measured on all values, others on a sample, marked ~.")
    add = parser.add_argument
    add("file", metavar="FILE", help=".safetensors, a folder with its index, .npy or .npz; for other files it prints "
        "the line that converts them")
    add("--bits", nargs="+", metavar="B", help="widths, 2 to 16 (default 8 4)")
    add("--formats", nargs="+", metavar="F", help="recommend of these, with commas between: int8, int8 affine, "
        "E4M3, MXFP8, int4, MXFP4, NVFP4, NF4 and so on (default: integers, while all are measured)")
    add("--only", metavar="PATTERN", help="arrays whose name matches: 'layers.*.q_proj'")
    add("--all", action="store_true", help="every scheme of every array, too")
    add("--exact", action="store_true", help="measure large arrays on all values")
    add("--rules", nargs="+", metavar="R", help="clipping rules to try besides, on arrays of up to 524,288 values: "
        "mse_optimal, percentile and so on")
    add("--skip-nonfinite", action="store_true", help="NaN and infinities count as 0, instead of being refused")
    add("--out", metavar="DIR", help="folder for the files (default inspection, or inspection-2 where it is taken)")
    add("--svg", action="store_true", help="each figure as SVG, too")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from .job import run
    from .report import Options

    bits = tuple(number("inspect", "--bits", text, 2, 16, 8) for text in _listed(options.bits) or ("8", "4"))
    asked = Options(bits, _listed(options.formats) or None, options.only, options.exact, _listed(options.rules),
                    options.skip_nonfinite)
    for text in run(options.file, asked, options.out, options.all, options.svg):
        echo(fitted(text))
    return 0


def _listed(given: list[str] | None) -> tuple[str, ...]:
    """Words between spaces or commas."""
    return tuple(word.strip() for word in ",".join(given or []).split(",") if word.strip())
