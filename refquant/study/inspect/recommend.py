"""Which scheme is recommended, why, and which engines take it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..results import count
from .measure import Measured
from .schemes import Scheme

NEAR = 1.0  # dB within which the simpler scheme is preferred
ENOUGH = 35.0  # dB, an error of 1.8 %: more counts as this
DB_PER_BIT = 6.02


def net(r: Measured) -> float:
    """min(SQNR with all channels alike, 35 dB), less 6.02 dB for each bit per value that scales of blocks take."""
    spent = r.bits_per_value - r.scheme.grid.bits if r.scheme.block else 0.0
    return min(r.channel_sqnr_db, ENOUGH) - DB_PER_BIT * spent


def simplest(r: Measured) -> tuple[float, ...]:
    """Channels before blocks, symmetric before affine, whole ranges before cut ones; one scale, the first axis, large
    blocks along the last."""
    s = r.scheme
    axis = -1 if s.axis is None else s.axis
    return bool(s.block), s.affine, s.clip < 1 or s.rule != "minmax", -(s.block or 0), -axis if s.block else axis


def asked(results: Sequence[Measured], formats: Sequence[str] | None) -> list[Measured]:
    """Those of the formats, or of integers: if none are named, or if the array has no room for their blocks."""
    return [r for r in results if formats and r.scheme.format in formats] or [r for r in results if r.scheme.integer]


def choose(results: Sequence[Measured], formats: Sequence[str] | None,
           verified: Callable[[Scheme], Measured] | None = None) -> Measured:
    """The recommended one of one width; verified: measures a scheme on all values, where results are of a sample.

    A verified scheme that makes channels all 0 is held against the next, up to four.
    """
    left, tried = asked(results, formats), list[Measured]()
    while left:
        keeping = [r for r in left if r.dead == min(r.dead for r in left)]
        best = min((r for r in keeping if net(r) >= max(map(net, keeping)) - NEAR), key=simplest)
        tried.append(verified(best.scheme) if verified else best)
        if not verified or not tried[-1].dead or len(tried) == 4:
            break
        left = [r for r in left if r.scheme != best.scheme]
    return min(tried, key=lambda r: r.dead)


def reason(chosen: Measured, results: Sequence[Measured]) -> str:
    """Why, in one sentence."""
    s = chosen.scheme

    def best(fits: Callable[[Scheme], bool]) -> list[Measured]:
        found = [r for r in results if r.scheme.integer == s.integer and fits(r.scheme)]
        return [max(found, key=lambda r: r.channel_sqnr_db)] if found else []

    def losing(what: str, others: Sequence[Measured]) -> list[str]:
        return [f"{what} makes {count(r.dead, 'channel')} all 0" if r.dead > chosen.dead else
                f"{what} loses {chosen.channel_sqnr_db - r.channel_sqnr_db:.1f} dB" for r in others
                if r.dead > chosen.dead or chosen.channel_sqnr_db - r.channel_sqnr_db > 0.5]

    why = losing("one scale for all", best(lambda t: t.axis is None)) if s.axis is not None else []
    others = best(lambda t: t.axis is not None and t.block is None and (s.block is not None or t.axis != s.axis))
    why += losing("a scale for each channel" if s.block else f"axis {others[0].scheme.axis}" if others else "", others)
    if s.clip < 1:
        why += losing("the whole range", best(lambda t: t == s._replace(clip=1.0)))
    if s.affine:
        why += losing("symmetric", best(lambda t: (t.axis, t.block) == (s.axis, s.block) and not t.affine))
    other = max((r for r in results if r.scheme.integer or known(r.scheme)), key=net)
    if net(chosen) < net(other) - NEAR:
        why += [f"{other.scheme} would be better, where an engine has it: {other.sqnr_db:.1f} dB in {other.bytes:,} "
                "bytes"]
    elif s.block is None:
        why += ["finer scales gain less than they cost"]
    if chosen.dead:
        keeps = min(results, key=lambda r: r.dead)
        why += [f"{count(chosen.dead, 'channel')} all 0, " + (
            f"which {keeps.scheme} keeps" if keeps.dead < chosen.dead else "as in every scheme")]
    return "; ".join(why or ["it is the simplest of the best"])


_ORT, _VLLM = "ONNX Runtime", "vLLM (compressed-tensors)"
#: Format -> who takes it with one scale, a scale for each channel, a scale for each block; as far as it is known.
TAKERS: dict[str, tuple[str, str, str]] = {
    "int8": (f"{_ORT}, LiteRT, PyTorch", f"{_ORT}, LiteRT, PyTorch, {_VLLM}",
             f"{_ORT} (MatMulNBits), gguf (Q8_0: blocks of 32), {_VLLM}"),
    "int8 affine": (f"{_ORT}, PyTorch", f"{_ORT}, PyTorch", f"{_ORT} (MatMulNBits)"),
    "int4": (f"{_ORT} (opset 21)", f"{_ORT} (opset 21), LiteRT, {_VLLM}, torchao",
             f"{_ORT} (MatMulNBits), {_VLLM}, torchao"),
    "int4 affine": (f"{_ORT} (opset 21)", f"{_ORT} (opset 21)", f"{_ORT} (MatMulNBits), vLLM (AWQ, GPTQ), torchao"),
    "int2": (f"{_ORT} (opset 25)", f"{_ORT} (opset 25)", f"{_ORT} (MatMulNBits)"),
    "int16": (f"{_ORT} (opset 21)",) * 3,
    "E4M3": (f"{_ORT} (opset 19), vLLM, torchao", "vLLM, torchao", ""), "E5M2": (f"{_ORT} (opset 19)", "", ""),
    "MXFP8": ("", "", "vLLM, torchao"), "MXFP4": ("", "", "vLLM, torchao, gguf"), "NVFP4": ("", "", "vLLM, torchao"),
    "NF4": ("", "", "bitsandbytes, torchao")}


def known(s: Scheme) -> str:
    """Who takes the scheme."""
    return TAKERS.get(s.format, ("",) * 3)[0 if s.axis is None else 1 if s.block is None else 2]


def engines(s: Scheme) -> str:
    """Who takes the scheme, and what it asks of them."""
    wider = next((n for n in (4, 8, 16) if n > s.grid.bits), None)
    if not known(s):
        return "no common engine" + f"; stored as int{wider} it runs wherever that does" * bool(s.integer and wider)
    return known(s) + "; for integer products the axis must be the outputs'" * (
        s.integer and s.axis is not None and s.block is None)
