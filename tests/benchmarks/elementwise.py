"""quantize, 16 million float32: time beside the naive one-liner and onnx's ReferenceEvaluator; memory; linear cost."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from measure import Row, Run, compared, in_turns, peak_bytes

import numpy as np

import refquant as rq


def reference_evaluator(x: np.ndarray, params: rq.AffineParams) -> Run:
    """QuantizeLinear as onnx's own NumPy reference computes it."""
    from onnx import TensorProto, helper
    from onnx.reference import ReferenceEvaluator

    graph = helper.make_graph(
        [helper.make_node("QuantizeLinear", ["x", "scale", "zero_point"], ["q"])], "quantize",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(x.shape))],
        [helper.make_tensor_value_info("q", TensorProto.INT8, list(x.shape))],
        [helper.make_tensor("scale", TensorProto.FLOAT, [], [float(params.scale)]),
         helper.make_tensor("zero_point", TensorProto.INT8, [], [int(params.zero_point)])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    evaluator = ReferenceEvaluator(model)
    return lambda: evaluator.run(None, {"x": x})[0]


def data(n: int) -> tuple[np.ndarray, rq.AffineParams]:
    x = np.random.default_rng(0).standard_normal(n, np.float32)
    return x, rq.affine_params(*rq.minmax(x), rq.INT8)


def rows(n: int = 16_000_000, rounds: int = 25) -> list[Row]:
    x, params = data(n)
    scale, zero_point, added_in_place = float(params.scale), int(params.zero_point), np.float32(params.zero_point)

    def naive() -> np.ndarray:
        return np.clip(np.round(x / scale) + zero_point, -128, 127).astype(np.int8)

    def naive_in_place() -> np.ndarray:  # beside a NumPy scalar, NumPy adds into the temporary
        return np.clip(np.round(x / scale) + added_in_place, -128, 127).astype(np.int8)

    reference = reference_evaluator(x, params)
    for q in (naive(), naive_in_place(), reference(), rq.in_chunks(rq.quantize, x, params)):
        assert np.array_equal(q, rq.quantize(x, params))
    found = []
    for what, ours, target in ((f"quantize, {n:,} float32", lambda: rq.quantize(x, params), 1.8),
                               (f"quantize in chunks, {n:,} float32",
                                lambda: rq.in_chunks(rq.quantize, x, params), 2.8)):
        found += compared(what, ours, {
            "the naive one-liner": (naive, target), "onnx's ReferenceEvaluator": (reference, target),
            "the one-liner, zero point a NumPy scalar": (naive_in_place, None)}, rounds)
    return found


def memory(n: int = 16_000_000) -> list[tuple[str, ...]]:
    """(what, bytes at the peak, bytes that it may take) as text."""
    x, params = data(n)
    ours = peak_bytes(lambda: rq.quantize(x, params)), n + 4 * n
    chunks = peak_bytes(lambda: rq.in_chunks(rq.quantize, x, params)), n + 1_000_000
    return [(what, f"{peak / 1e6:.2f} MB", f"{most / 1e6:.2f} MB: {'met' if peak <= most + 10_000 else 'missed'}")
            for what, (peak, most) in (("quantize: output and one temporary", ours),
                                       ("quantize in chunks: output and 1 MB", chunks))]


#: Of (reals, their codes, parameters).
FUNCTIONS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "quantize": lambda x, _, params: rq.quantize(x, params),
    "quantize in chunks": lambda x, _, params: rq.in_chunks(rq.quantize, x, params),
    "dequantize": lambda _, q, params: rq.dequantize(q, params),
    "fake_quantize": lambda x, _, params: rq.fake_quantize(x, params),
    "minmax": lambda x, _q, _params: rq.minmax(x),
    "pack, 4 bits": lambda _, q, _params: rq.pack(q & 7, rq.INT4),
}


def scaling(sizes: tuple[int, ...] = tuple(int(10**(e / 2)) for e in range(8, 17)), rounds: int = 5,
            picture: Path | None = None) -> list[tuple[str, ...]]:
    """(what, ns per element at each size, slope of log time against log size over the last decade, past the caches) as
    text; the plot besides."""
    lines, drawn = [], {}
    for what, f in FUNCTIONS.items():
        ns = []
        for n in sizes:
            x, params = data(n)
            q = rq.in_chunks(rq.quantize, x, params)
            ns.append(1e6 * float(np.min(in_turns([partial(f, x, q, params)], rounds))))
        large = [(n, t) for n, t in zip(sizes, ns, strict=True) if n >= max(sizes) / 11]
        slope = np.polyfit(*np.log(np.array(large)).T, 1)[0]
        lines.append((what, ", ".join(f"{t / n:.2f}" for n, t in zip(sizes, ns, strict=True)), f"{slope:.2f}"))
        drawn[what] = ns
    if picture:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6, 4), layout="constrained")
        axes = figure.subplots()
        for what, ns in drawn.items():
            axes.loglog(sizes, np.array(ns) / 1e6, marker="o", markersize=3, label=what)
        axes.loglog(sizes, np.array(sizes) * 1e-6, ":", color="gray", label="1 ns an element")
        axes.set(xlabel="elements", ylabel="milliseconds", title="Linear, but for the step out of the cache")
        axes.legend(frameon=False)
        figure.savefig(picture, dpi=100)
    return lines
