"""What engines make of a block: its scale, and what its codes mean. A new encoder is one function and one record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ... import arguments
from ...affine import fake_quantize
from ...arguments import Reals
from ...engines import bitsandbytes, gguf, mx
from ...engines.choices import half_away, half_down, half_toward_zero, no_negative_zero, reciprocal
from ...engines.conventions import Convention
from ...engines.exact import show
from ...engines.steps import sentence
from ...grids import E2M1, E2M3, E4M3, E8M0, INT4, INT8, NF4, Codebook, Grid
from ...ranges import Fit
from ...scales import mx_ceil_params, mx_even_params, mx_params, two_level
from ..formats import Format
from .cases import Case, Outcome

f32 = np.float32
Encoded = tuple[Any, Reals]  # the scale, and x_hat


class Encoder(NamedTuple):
    """How an engine encodes a block.

    encode: (n,) float32 -> its scale, and the reals that its codes mean. scale: in words. convention: how x / scale is
    rounded; None where x_hat is not scale * the nearest value. grid: of these values, if not those of the format.
    """

    encode: Callable[[Reals], Encoded]
    scale: str
    convention: Convention | None = None
    grid: Grid | None = None


def _mx(grid: Grid, fit: Fit, least: float = 2.0**-126) -> Callable[[Reals], Encoded]:
    def encode(x: Reals) -> Encoded:
        codes, q = mx.to_mx(x, grid, fit, least)
        return E8M0.decode(codes)[0], grid.decode(q) * E8M0.decode(codes)
    return encode


def _scaled(f: Callable[..., Any], scales: Grid, **options: Any) -> Callable[[Reals], Encoded]:
    def encode(x: Reals) -> Encoded:
        codes, q = f(x, **options)
        return scales.decode(codes)[0], E2M1.decode(q) * scales.decode(codes)
    return encode


def _four_bits(levels: Reals) -> Callable[[Reals], Encoded]:
    def encode(x: Reals) -> Encoded:
        codes, largest = bitsandbytes.quantize_4bit(x, levels)
        return largest[0], levels[codes] * largest
    return encode


def _stored(name: str) -> Callable[[Reals], Encoded]:
    def encode(x: Reals) -> Encoded:
        stored = getattr(gguf, f"quantize_{name}")(np.pad(x, (0, -len(x) % 32)))
        return stored[:2].view("<f2")[0], getattr(gguf, f"dequantize_{name}")(stored)[:len(x)]
    return encode


def _stored_mxfp4(x: Reals) -> Encoded:
    codes, q = mx.mxfp4_gguf(x)
    return E8M0.decode(codes)[0], E2M1.decode(q) * E8M0.decode(codes)


def _torchao_nf4(x: Reals) -> Encoded:
    largest = np.abs(x).max()
    return largest, FOUR_DIGITS.decode(FOUR_DIGITS.encode(x / largest)) * largest


def _away(grid: Grid) -> Encoder:
    def encode(x: Reals) -> Encoded:
        scale = mx.floor_of_float32_log2(-np.abs(x).max(), np.abs(x).max(), grid).scale
        v = [AWAY.steps(each, f32(scale), 0, grid)[-1].value for each in x]
        return scale[()], np.array(v, f32) * scale
    return Encoder(encode, "2**(floor(log2 max|x|) - emax), the logarithm in float32", AWAY)


def _torchao(grid: Grid) -> dict[str, Encoder]:
    """The four rules by which torchao chooses the scales of MX."""
    return {
        "torchao MX FLOOR": Encoder(_mx(grid, mx_params), "2**(floor(log2 max|x|) - emax)", Convention()),
        "torchao MX CEIL": Encoder(_mx(grid, mx_ceil_params), "2**(ceil(log2 max|x|) - emax)", Convention()),
        "torchao MX EVEN": Encoder(_mx(grid, mx_even_params), "as FLOOR, max|x| rounded as a value first, ties up",
                                   Convention()),
        "torchao MX RCEIL": Encoder(_mx(grid, mx.ceil_of_float32_log2, 1.0), "2**ceil(log2(max|x| / qmax)), the "
                                    "logarithm in float32", Convention())}


AWAY = Convention(rounding=half_away)
GGML = Convention(rounding=half_toward_zero, cast=no_negative_zero)
DOWN = Convention(reciprocal, rounding=half_down)
FOUR_DIGITS = Codebook(np.round(NF4.values, 4))
FP4 = Codebook(np.unique(bitsandbytes.FP4_LEVELS))


class Blocks(NamedTuple):
    """A format with how many values share a scale, how it is chosen here in words, and who encodes it."""

    format: Format
    size: int
    scale: str
    encoders: dict[str, Encoder]


MX = "2**(floor(log2 max|x|) - emax)"
#: Name -> blocks. `refquant engines --format` takes these names.
BLOCKS: dict[str, Blocks] = {
    "mxfp4": Blocks(Format(E2M1, mx_params), 32, MX, {
        **_torchao(E2M1), "gguf MXFP4": Encoder(_stored_mxfp4, f"{MX}, the logarithm in float32", GGML),
        "microxcaling": _away(E2M1)}),
    "mxfp6": Blocks(Format(E2M3, mx_params), 32, MX, {**_torchao(E2M3), "microxcaling": _away(E2M3)}),
    "mxfp8": Blocks(Format(E4M3, mx_params), 32, MX, {**_torchao(E4M3), "microxcaling": _away(E4M3)}),
    "nvfp4": Blocks(Format(E2M1, two_level(E4M3, scale=1.0)), 16, "max|x| / 6 on E4M3", {
        "torchao NVFP4": Encoder(_scaled(mx.nvfp4_torchao, E4M3), "max|x| / 6 on E4M3, not below 2**-6",
                                 Convention(reciprocal)),
        "compressed-tensors NVFP4": Encoder(_scaled(mx.nvfp4_compressed_tensors, E4M3, second=1.0),
                                            "max|x| / 6 on E4M3", Convention()),
        "gguf NVFP4": Encoder(_scaled(mx.nvfp4_ggml, E4M3), "max|x| / 6 on unsigned E4M3, ties up, 448 from 248 on",
                              GGML)}),
    "nf4": Blocks(Format(NF4), 64, "max|x|", {
        "bitsandbytes NF4": Encoder(_four_bits(bitsandbytes.NF4_LEVELS), "max|x|", DOWN),
        "torchao NF4": Encoder(_torchao_nf4, "max|x|", Convention(rounding=half_down), FOUR_DIGITS)}),
    "fp4": Blocks(Format(E2M1), 64, "max|x| / 6", {
        "bitsandbytes FP4": Encoder(_four_bits(bitsandbytes.FP4_LEVELS), "max|x|", DOWN, FP4)}),
    "q4_0": Blocks(Format(INT4), 32, "max|x| / 7", {
        "gguf Q4_0": Encoder(_stored("q4_0"), "the x of the largest |x|, / -8, in float16"),
        "gguf Q4_1": Encoder(_stored("q4_1"), "(max - min) / 15, in float16; x_hat = scale * q + min")}),
    "q8_0": Blocks(Format(INT8), 32, "max|x| / 127", {
        "gguf Q8_0": Encoder(_stored("q8_0"), "max|x| / 127, in float16")})}


@arguments.quiet
def ask_block(x: Reals, name: str) -> Case:
    """What the rule and every engine with this format make of a block: its scale, and what the codes mean.

    >>> below = np.nextafter(np.float32(32), np.float32(0))
    >>> case = ask_block(np.float32([below, 3]), "mxfp4")
    >>> case.rule.gives, case.engines["gguf MXFP4"].gives
    ('scale 4: 24, 4', 'scale 8: 32, 4')

    Raises:
        ValueError: more values than share a scale, infinities and NaN, zeros alone.
    """
    format, size, said, encoders = BLOCKS[name]
    if x.size > size or not np.abs(x).max() > 0 or not np.isfinite(x).all():
        raise arguments.error(ValueError, "ask_block", f"a block of {name} must hold finite values, at most {size}, "
                              "not all 0", f"{arguments.shown(x.tolist())}", "take one block of yours")
    params = format.params(x)
    own = params.scale.ravel()[0], fake_quantize(x, params).ravel()
    rule = Outcome(_gives(own), f"scale = {said} = {show(own[0])}")
    found = {engine: encoder.encode(x) for engine, encoder in encoders.items()}
    return Case(f"block {', '.join(map(show, x))}, {name}", rule, {
        engine: Outcome(_gives(each), _how(x, each, own, encoders[engine], format.grid))
        for engine, each in found.items()})


def _gives(encoded: Encoded) -> str:
    scale, x_hat = encoded
    return f"scale {show(scale)}: {', '.join(show(v) for v in x_hat)}"


def _how(x: Reals, encoded: Encoded, own: Encoded, encoder: Encoder, grid: Grid) -> str:
    """How the scale comes about; where it is the rule's, how the first value that differs does, too."""
    scale, x_hat = encoded
    how = f"scale = {encoder.scale} = {show(scale)}"
    differs = np.flatnonzero(x_hat != own[1])
    if encoder.convention is None or scale != own[0] or not differs.size:
        return how
    i = differs[0]
    steps = encoder.convention.steps(x[i], f32(scale), 0, encoder.grid or grid)
    return f"{how}; {show(x[i])}: {sentence(steps)}"
