"""Mutants of the methods. Where others name a rule, they name the method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import refquant as rq

from ...arguments import quiet
from .mutant import Mutant


def _from_the_end(h: Any) -> Any:
    return np.linalg.cholesky(h[::-1, ::-1])[::-1, ::-1]


def _gptq(factor: Callable[..., Any] = _from_the_end, share: Callable[..., Any] = lambda r: r / np.diag(r),
          damping: Callable[..., Any] = lambda h, damp: damp * np.mean(np.diag(h)), sign: int = 1, back: bool = True,
          row: Callable[[int], int] = lambda j: j) -> Callable[..., Any]:
    """gptq with one named part exchanged."""
    @quiet
    def gptq(w: Any, h: Any, params: Any, damp: float = 0.01, *, act_order: bool = False) -> Any:
        order = np.flatnonzero(np.diag(h))
        order = order[np.argsort(-np.diag(h)[order], kind="stable")] if act_order else order
        live = h[np.ix_(order, order)].astype(np.float64)
        c = share(factor(live + damping(live, damp) * np.eye(len(live)) + 1e-12 * np.diag(np.diag(live))))
        scale, zero = (np.broadcast_to(a, w.shape) for a in (params.scale, params.zero_point))
        q, d = rq.quantize(w, params), np.zeros((len(order), w.shape[1]))
        for k, j in enumerate(order):
            one = rq.AffineParams(scale=scale[row(j)], zero_point=zero[row(j)], grid=params.grid)
            aim = w[j] - sign * (c[:k, k] @ d[:k] + 0.0)
            q[j if back else order.min() + k] = codes = rq.quantize(aim.astype(params.grid.arithmetic(w.dtype)), one)
            d[k] = np.nan_to_num(rq.dequantize(codes, one) - w[j].astype(np.float64))
        return q
    return gptq


def _dead_weights_are_0(w: Any, h: Any, params: Any, damp: float = 0.01, *, act_order: bool = False) -> Any:
    return rq.methods.gptq(np.where(np.diag(h)[:, None] > 0, w, w.dtype.type(0)), h, params, damp, act_order=act_order)


def _nearest(w: Any, h: Any, params: Any, damp: float = 0.01, *, act_order: bool = False) -> Any:
    return rq.quantize(w, params)


def _smoothquant(of_x: Callable[..., Any] = lambda x: np.abs(x).max(axis=0), least: float = 0,
                 of_w: Callable[..., Any] = lambda w: np.abs(w).max(axis=1),
                 of_alpha: Callable[[float], float] = lambda a: a) -> Callable[..., Any]:
    """smoothquant with one named part exchanged."""
    @quiet
    def smoothquant(x: Any, w: Any, alpha: float = 0.5) -> Any:
        a, top, bottom = of_alpha(alpha), of_x(x).astype(np.float64), of_w(w).astype(np.float64)
        s = np.maximum(top, least) ** a / np.maximum(bottom, least) ** (1 - a)
        return np.where((top > 0) & (bottom > 0) | (least > 0), s, 1).astype(w.dtype)
    return smoothquant


def _hadamard(change: Callable[..., Any]) -> Callable[..., Any]:
    """change(x @ H), H along the axis."""
    @quiet
    def hadamard(x: Any, axis: int = -1) -> Any:
        y = np.moveaxis(rq.methods.hadamard(x, axis), axis, -1)
        return np.moveaxis(change(y), -1, axis).astype(y.dtype)
    return hadamard


def _awq(of_x: Callable[..., Any] = lambda x: np.abs(x).mean(axis=0), powers: Any = range(21), sign: int = 1,
         unit: Callable[..., Any] = lambda m: np.sqrt(m.max() * m[m > 0].min()), divided: bool = True) -> Any:
    """awq with one named part exchanged."""
    @quiet
    def awq(x: Any, w: Any, quantize: Any) -> Any:
        m, exact = of_x(x.astype(np.float64)), x.astype(np.float64)
        m = np.where(m > 0, m / unit(m), 1)
        every = [(m ** (sign * i / 20)).astype(w.dtype) for i in powers]
        inputs = [exact / s if divided else exact for s in every]
        losses = [np.sum((exact @ w - y @ quantize(s[:, None] * w)) ** 2) for y, s in zip(inputs, every, strict=True)]
        return every[int(np.argmin(losses))]
    return awq


def _shuffled(y: Any) -> Any:
    return y[..., np.argsort([bin(k)[:1:-1] for k in range(y.shape[-1])])]


MUTANTS = (
    Mutant("the factor transposed", "gptq", {"gptq": _gptq(lambda h: np.linalg.cholesky(h).T)}),
    Mutant("the damping forgotten", "gptq", {"gptq": _gptq(damping=lambda h, damp: 0)}),
    Mutant("the error pushed the wrong way", "gptq", {"gptq": _gptq(sign=-1)}),
    Mutant("rows moved after they are rounded", "gptq", {"gptq": _nearest}),
    Mutant("the share divided by the other diagonal", "gptq", {"gptq": _gptq(share=lambda r: r / np.diag(r)[:, None])}),
    Mutant("damp in units of one", "gptq", {"gptq": _gptq(damping=lambda h, damp: damp)}),
    Mutant("dead weights become 0", "gptq", {"gptq": _dead_weights_are_0}),
    Mutant("the order of codes not undone", "gptq", {"gptq": _gptq(back=False)}),
    Mutant("all rows by the first row's scale", "gptq", {"gptq": _gptq(row=lambda j: 0)}),
    Mutant("alpha for 1 - alpha", "smoothquant", {"smoothquant": _smoothquant(of_alpha=lambda a: 1 - a)}),
    Mutant("means for maxima", "smoothquant", {"smoothquant": _smoothquant(lambda x: np.abs(x).mean(axis=0))}),
    Mutant("maxima with their sign", "smoothquant", {"smoothquant": _smoothquant(lambda x: x.max(axis=0))}),
    Mutant("the largest of all weights", "smoothquant", {"smoothquant": _smoothquant(of_w=lambda w: np.full(
        len(w), np.abs(w).max()))}),
    Mutant("maxima bounded from below", "smoothquant", {"smoothquant": _smoothquant(least=1e-5)}),
    Mutant("the transform not divided", "hadamard", {"hadamard": _hadamard(lambda y: y * np.sqrt(y.shape[-1]))}),
    Mutant("the transform divided twice", "hadamard", {"hadamard": _hadamard(lambda y: y / np.sqrt(y.shape[-1]))}),
    Mutant("columns in another order", "hadamard", {"hadamard": _hadamard(_shuffled)}),
    Mutant("the last axis, whatever is asked", "hadamard", {"hadamard": lambda x, axis=-1: rq.methods.hadamard(x)}),
    Mutant("the second half negative", "hadamard", {"hadamard": _hadamard(
        lambda y: np.where(np.arange(y.shape[-1]) < max(1, y.shape[-1] // 2), y, -y))}),
    Mutant("AWQ by the maximum", "awq", {"awq": _awq(lambda x: np.abs(x).max(axis=0))}),
    Mutant("AWQ by the mean with its sign", "awq", {"awq": _awq(lambda x: np.abs(x.mean(axis=0)))}),
    Mutant("AWQ divides the weights", "awq", {"awq": _awq(sign=-1)}),
    Mutant("AWQ without nearest", "awq", {"awq": _awq(powers=range(1, 21))}),
    Mutant("AWQ does not divide the inputs", "awq", {"awq": _awq(divided=False)}),
    Mutant("AWQ in the units of x", "awq", {"awq": _awq(unit=lambda m: 1)}),
)
