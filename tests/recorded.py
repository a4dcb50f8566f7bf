"""Calls of PyTorch's and torchao's operators as JSON, bit for bit, and where two results differ."""

import struct
from pathlib import Path
from typing import Any

import numpy as np

import refquant as rq
from refquant.engines import pytorch, torchao

GOLDEN = Path(__file__).parent / "golden" / "pytorch.json"


def named(name: str) -> Any:
    """'pytorch.reduce_range' -> the function."""
    module, function = name.split(".")
    return getattr({"pytorch": pytorch, "torchao": torchao}[module], function)


def encoded(value: Any) -> Any:
    """As JSON: an array by its dtype, shape and values, floats by their bits in hex; a float by its 64 bits."""
    if isinstance(value, rq.IntGrid):
        return {"grid": [value.bits, value.signed, value.narrow]}
    if callable(value):
        return {"function": value.__name__ if isinstance(value, type) else f"{value.__module__.split('.')[2]}."
                f"{value.__name__}"}
    if isinstance(value, float):
        return {"float": struct.pack(">d", value).hex()}
    if isinstance(value, (list, tuple)):
        return [encoded(v) for v in value]
    if isinstance(value, np.ndarray | np.generic):
        a = np.asarray(value)
        flat = a.ravel().view(f"u{a.itemsize}") if a.dtype.kind == "f" else a.ravel()
        values = " ".join(f"{v:x}" if a.dtype.kind == "f" else f"{v:d}" for v in flat.tolist())
        return {"dtype": a.dtype.name, "shape": list(a.shape), "values": values}
    return value


def decoded(value: Any) -> Any:
    """What was encoded."""
    if isinstance(value, list):
        return [decoded(v) for v in value]
    if not isinstance(value, dict):
        return value
    if "grid" in value:
        return rq.IntGrid(*value["grid"])
    if "function" in value:
        return named(value["function"]) if "." in value["function"] else getattr(np, value["function"])
    if "float" in value:
        return struct.unpack(">d", bytes.fromhex(value["float"]))[0]
    dtype = np.dtype(value["dtype"])
    if dtype.kind == "f":
        bits = [int(v, 16) for v in value["values"].split()]
        return np.array(bits, f"u{dtype.itemsize}").view(dtype).reshape(value["shape"])
    return np.array([int(v) for v in value["values"].split()], dtype).reshape(value["shape"])


def outputs(results: Any) -> list[Any]:
    return [np.asarray(r) for r in (results if isinstance(results, tuple) else (results,))]


def differing(ours: Any, theirs: Any) -> Any:
    """Where bits differ; every NaN is one value. The dtype of integers is no matter, that of floats is."""
    assert ours.shape == theirs.shape, (ours.shape, theirs.shape)
    if theirs.dtype.kind != "f":
        return ours != theirs
    assert ours.dtype == theirs.dtype, (ours.dtype, theirs.dtype)
    same = ours.view(f"u{ours.itemsize}") == theirs.view(f"u{ours.itemsize}")
    return ~(same | (np.isnan(ours) & np.isnan(theirs)))
