"""`refquant inspect`: which width, which format, which granularity, for the weights that people have."""

from __future__ import annotations

import argparse

from ..aligned import fitted
from ..options import Commands, echo, meaning, number


def add(commands: Commands) -> None:
    parser = commands.add_parser("inspect", help="which width, format and granularity for your own weights", examples=(
        "refquant inspect model.safetensors", "refquant inspect folder --bits 8 4 3 --only 'layers.*.q_proj'"),
        description=meaning(run))
    add = parser.add_argument
    add("file", metavar="FILE", help=".safetensors, a folder with its index, .npy or .npz")
    add("--bits", nargs="+", metavar="B", help="widths, 2 to 16 (default: those of --formats, or 8 4)")
    add("--formats", nargs="+", metavar="F", help="recommend none but these: 'int8 affine', E4M3, NVFP4 and so on")
    add("--only", metavar="PATTERN", help="arrays whose name matches: 'layers.*.q_proj'")
    add("--all", action="store_true", help="every scheme of every array, too")
    add("--exact", action="store_true", help="measure large arrays on all values")
    add("--rules", nargs="+", metavar="R", help="clipping rules to try besides: mse_optimal, percentile and so on")
    add("--skip-nonfinite", action="store_true", help="NaN and infinities count as 0, instead of being refused")
    add("--out", metavar="DIR", help="folder for the files (default inspection, or inspection-2 where it is taken)")
    add("--svg", action="store_true", help="each figure as SVG, too")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Quantize every array of a model in every format, with one scale, a scale for each channel, or a scale for each
    block. Print what is recommended for each array and what it costs; the arrays that lose most, and why; one scheme to
    ship, with its engines and exceptions. Write inspect.json, inspect.csv and a picture. In a notebook:
    refquant.study.inspect.report.inspect_arrays. For ONNX, gguf, torch, Parquet and CSV files, print the line that
    converts them.

    Balanced dB decide: the SQNR of all values or, if lower, that of the channels of an axis, each alike (the mean of
    their noise over signal). Channels are the indices of the first two axes and of the last; where there are more than
    two axes, of those of 8 indices or more; the taps of a depthwise convolution are none. Channels of |x| up to
    1/100,000 of the array's largest do not count.

    Of the schemes of the same bits one fits an array if it makes the fewest channels all 0, has 15 dB (an error of
    18 %), and is within 1 dB of the best of those; there 35 dB are enough, and scales of blocks cost 6.02 dB for each
    bit per value. Recommended is, of those that fit, the one of the fewest bytes, then the most engines, then the most
    dB: of integers, unless --formats names others; all are measured. If none has 15 dB the array needs more bits, and
    the same is shown without the 15 dB.

    To ship are the fewest bits at which at most a tenth of the values need more; of their schemes the one that fits the
    most arrays, then as above. Arrays that it does not fit take what is recommended for them, of more bits if they need
    more. The range of each array is cut where that gains dB.

    Arrays of one axis or fewer than 4,096 values stay float, unless no others match, and with --formats those without
    room for their blocks. Symmetric integers have codes from -7 to 7 (int8: -127 to 127); affine ones have all codes,
    and zero points of as many bits. Ranges are min to max, or both ends times 0.8 (x0.8). Scales are float32; of blocks
    of integers and NF4 float16, at least its smallest positive value. In large arrays the recommended scheme is
    measured on all values, others on a sample, marked ~. Values are taken as float32; --rules are tried on arrays of up
    to 524,288.
    """
    from .job import run
    from .report import Options

    bits = tuple(number("inspect", "--bits", text, 2, 16, 8) for text in _listed(options.bits))
    asked = Options(bits, _listed(options.formats) or None, options.only, options.exact, _listed(options.rules),
                    options.skip_nonfinite)
    for text in run(options.file, asked, options.out, options.all, options.svg):
        echo(fitted(text))
    return 0


def _listed(given: list[str] | None) -> tuple[str, ...]:
    """Words between spaces or commas."""
    return tuple(word.strip() for word in ",".join(given or []).split(",") if word.strip())
