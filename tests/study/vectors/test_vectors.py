"""The vectors: what they promise, that the oracle and the library agree with each, and that a wrong one is caught."""

import hashlib
import json
import math
import os
import re
import shutil
import struct
import subprocess
import sys
from bisect import bisect_left
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import needs, refused

import refquant as rq
from refquant.arguments import quiet
from refquant.study.cli import main
from refquant.study.vectors import documents as files
from refquant.testing import oracle

NAMES = list(files.ALGORITHMS)
NEW = ("quantize_values", "dequantize_values", "mx_params", "two_level")
RECORDED = "1.2.0"
RESULTS: dict[str, tuple[int, str]] = {  # of RECORDED: how many tests, and the digest of their inputs and results
    "quantize": (1324, "aca46c314b9591f47ce8f439e3a58a126d1a7dbe288098ec870b3e307ef70d01"),
    "dequantize": (763, "42fe8107c3f6e7e10c5167970b6855431adfc2ba917eae6a787dbc456f965d29"),
    "fake_quantize": (880, "016f70a51ba95b57b3083be73de14bee272edbeeda40d7ddc68f4368cb8e948d"),
    "affine_params": (1032, "633575971ec7f4ef0a6c2ec37f3e36a6d6d0ea50102f6c1e48990f174db45370"),
    "symmetric_params": (648, "b8a86ac00cb9f636a4ab0a648a8f26334b2c654f8021f8ebf73483b42a63b84d"),
    "integer_matmul": (306, "b866095792e2253ce132a67d889572589909efeea2b87607918da7f434a57c70"),
    "quantize_multiplier": (191, "881ce354063585db67f503e16b75add2ec5a4e9d521f4751e78c9587463931d2"),
    "requantize": (982, "be059a6a693a10511fc0f1ce3ab80e57769317c6b5cf94cc73c573fa5b8002ec"),
    "quantize_values": (4402, "776a58f66ab654ed2725c48dde9719eff1014ab242c1bd57fa68cd95c19b3574"),
    "dequantize_values": (1682, "d9f933cdaed26a1ed371c127deb59fca69e8a586d3385805b0b047d48c0694e8"),
    "mx_params": (800, "6c5714e249b4d9fa6f415c96b36b659991b94890a23627326432593416524bbc"),
    "two_level": (234, "9dba53d953130c642aee5e925de77da8a056d97026c86a6c056502b75982bfca"),
}
Vectors = dict[str, Any]
Documents = dict[str, Vectors]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command writes, where neither hypothesis nor matplotlib is installed."""
    out = tmp_path_factory.mktemp("vectors")
    code = ("import sys; sys.modules.update(hypothesis=None, matplotlib=None); from refquant.study.cli import main; "
            "sys.exit(main(['vectors', '--out', 'out/deep']))")
    end = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=100,
                         cwd=out, env={**os.environ, "PYTHONPATH": str(Path(rq.__file__).parents[1])})
    assert (end.returncode, end.stderr) == (0, "")
    assert end.stdout == f"Written: {len(list((out / 'out' / 'deep').iterdir()))} files in {Path('out/deep')}{os.sep}\n"
    return out / "out" / "deep"


@pytest.fixture(scope="module")
def documents(folder: Path) -> Documents:
    return {name: json.loads((folder / f"{name}.json").read_text("ascii")) for name in NAMES}


def every(document: Vectors) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """(group, test) of one file."""
    for group in document["testGroups"]:
        for test in group["tests"]:
            yield group, test


def number(dtype: str, text: str) -> Any:
    """A hex float as a number of its dtype, which holds it exactly."""
    x = np.dtype(dtype).type(float.fromhex(text))
    assert np.isnan(x) or float(x) == float.fromhex(text), (dtype, text)
    return x


def grid_of(group: dict[str, Any]) -> rq.IntGrid:
    grid = rq.IntGrid(*(group["grid"][name] for name in ("bits", "signed", "narrow")))
    assert (grid.qmin, grid.qmax) == (group["grid"]["qmin"], group["grid"]["qmax"])
    return grid


def matrix(codes: list[int], dtype: str, *shape: int) -> Any:
    """The codes row by row, repeated from the start."""
    count = shape[0] * shape[1]
    return np.tile(np.array(codes, dtype), -(-count // max(len(codes), 1)))[:count].reshape(shape)


# Float grids and codebooks by an oracle of its own: a code's value from its bits, the nearest value by trying.

FORMATS = {"E4M3": (7, 0x7E, True), "E5M2": (15, 0x7B, True), "E4M3FNUZ": (8, 0x7F, False),
           "E5M2FNUZ": (16, 0x7F, False), "E2M3": (1, 0x1F, True), "E3M2": (3, 0x1F, True), "E2M1": (1, 0x7, True)}


@cache
def values_of(name: str) -> dict[int, float]:
    """Code -> value. Of a float: its bias, the code of its largest value, and whether it has -0."""
    if name not in FORMATS:
        return dict(enumerate(getattr(rq, name).kept)) if name in ("NF4", "E8M0") else {q: float(q) for q in range(
            *{"INT4": (-8, 8), "INT8": (-128, 128)}[name])}
    bias, top, zeros = FORMATS[name]
    _, exponent, mantissa = getattr(rq, name).fields
    found = {}
    for code in range(top + 1):
        e, m = code >> mantissa, code % 2**mantissa
        value = math.ldexp(m + 2**mantissa * (e > 0), max(e, 1) - bias - mantissa)
        found |= {code: value, code + 2**(exponent + mantissa): -value} if code or zeros else {code: value}
    return found


@cache
def codes_of(name: str) -> dict[float, int]:
    """Value -> code, ascending; of the two codes of zero the positive one."""
    return {value: code for code, value in sorted(values_of(name).items(), key=lambda pair: (pair[1], -pair[0]))}


def coded(v: Any, name: str) -> int:
    """The code of the nearest value: of two the even one, of a codebook the lower; zero keeps its sign."""
    codes = codes_of(name)
    values = list(codes)
    clipped = min(max(float(v), values[0]), values[-1])
    above = bisect_left(values, clipped)
    around = values[max(above - 1, 0):above + 1]
    far = [abs(Fraction(value) - Fraction(clipped)) for value in around]
    near = [value for value, distance in zip(around, far, strict=True) if distance == min(far)]
    value = min(near, key=lambda value: codes[value] % 2) if name in FORMATS else near[0]
    minus = value == 0 and np.signbit(v) and name in FORMATS and FORMATS[name][2]
    return codes[value] + (2**(getattr(rq, name).bits - 1) if minus else 0)


def scales_of(g: dict[str, Any], t: dict[str, Any]) -> list[list[float]]:
    """Two levels in the dtype of the arithmetic: the second scale divides, and the nearest value multiplies it."""
    dtype = np.dtype(g["scale_dtype"]).type
    values = [v for v in values_of(g["scale_grid"]["name"]).values() if v > 0]
    steps = max(values_of(g["grid"]["name"]).values())
    largest = [[dtype(number(g["dtype"], text)) for text in row] for row in t["largest"]]
    made = []
    for row in largest:
        shared = row if g["shared"] == "row" else [v for each in largest for v in each]
        second = dtype(number(g["scale_dtype"], g["second"]) if "second" in g else
                       max(shared) / dtype(steps) / dtype(max(values)) if max(shared) else 1)
        codes = [coded(v / dtype(steps) / second, g["scale_grid"]["name"]) for v in row]
        least = max(dtype(min(values)) * second, np.finfo(dtype).tiny)
        made.append([float(max(dtype(values_of(g["scale_grid"]["name"])[q]) * second, least)) for q in codes])
    return made


@quiet
def expected_of_values(algorithm: str, g: dict[str, Any], t: dict[str, Any]) -> dict[str, Any]:
    """The outputs by that oracle."""
    if algorithm == "two_level":
        return {"scales": scales_of(g, t)}
    name = g["grid"]["name"]
    if algorithm == "mx_params":
        largest, top = Fraction(float.fromhex(t["hi"])), Fraction(max(values_of(name).values()))
        if not largest:
            return {"scale": 1.0}
        k = math.frexp(float(largest))[1] - math.frexp(float(top))[1]
        v, limit = largest / Fraction(2)**k, Fraction(2)**math.frexp(float(top))[1]
        step = limit / 2 / 2**(6 if name == "INT8" else getattr(rq, name).fields[2])
        more = {"mx_params": False, "mx_ceil_params": 2 * v != limit, "mx_rceil_params": v > top,
                "mx_even_params": v >= limit - step / 2}[g["fit"]]
        return {"scale": 2.0**max(-127, min(k + more, 127))}
    scale = number(g.get("scale_dtype", g.get("dtype")), t["scale"])
    dtype = np.dtype(g.get("arithmetic", g.get("scale_dtype"))).type
    q = t["q"] if algorithm == "dequantize_values" else coded(dtype(number(g["dtype"], t["x"])) / dtype(scale), name)
    wide = np.float32 if scale.dtype == np.float16 else scale.dtype.type
    x_hat = float(scale.dtype.type(wide(values_of(name)[q]) * wide(scale)))
    return {"x_hat": x_hat} if algorithm == "dequantize_values" else {"q": q, "x_hat": x_hat}


def computed_of_values(algorithm: str, g: dict[str, Any], t: dict[str, Any]) -> dict[str, Any]:
    """The outputs by the library."""
    grid = getattr(rq, g["grid"]["name"])
    assert [float.fromhex(g["grid"][end]) for end in ("qmin", "qmax")] == [grid.qmin, grid.qmax]
    assert (g["grid"]["bits"], *g["grid"]["fields"]) == (grid.bits, *grid.fields)
    if algorithm == "two_level":
        largest = np.array([[number(g["dtype"], v) for v in row] for row in t["largest"]])
        second = number(g["scale_dtype"], g["second"]) if "second" in g else None
        fit = rq.two_level(getattr(rq, g["scale_grid"]["name"]), axis=-1 if g["shared"] == "row" else None,
                           scale=second)
        return {"scales": fit(-largest, largest, grid).scale.tolist()}
    if algorithm == "mx_params":
        params = getattr(rq, g["fit"])(*(number(g["dtype"], t[end]) for end in ("lo", "hi")), grid)
        assert params.scale.dtype == g["scale_dtype"] and params.scale_grid == rq.E8M0
        return {"scale": float(params.scale)}
    params = rq.AffineParams(scale=number(g.get("scale_dtype", g.get("dtype")), t["scale"]), zero_point=0, grid=grid)
    if algorithm == "dequantize_values":
        return {"x_hat": float(rq.dequantize(t["q"], params))}
    x = number(g["dtype"], t["x"])
    assert grid.arithmetic(x.dtype) == g["arithmetic"]
    return {"q": int(rq.quantize(x, params)), "x_hat": float(rq.fake_quantize(x, params))}


@quiet
def expected(algorithm: str, g: dict[str, Any], t: dict[str, Any]) -> dict[str, Any]:
    """The outputs by the oracle, in exact fractions, or in Python's integers."""
    if algorithm in NEW:
        return expected_of_values(algorithm, g, t)
    if algorithm == "integer_matmul":
        return products(g, t)
    if algorithm == "quantize_multiplier":
        m = Fraction(float.fromhex(t["m"]))
        shift = m.numerator.bit_length() - (m.denominator.bit_length() - 1)  # 2**(shift - 1) <= m < 2**shift
        mantissa = round(m * Fraction(2) ** (31 - shift))
        return {"mantissa": mantissa, "shift": shift} if mantissa < 2**31 else {"mantissa": 2**30, "shift": shift + 1}
    grid = grid_of(g)
    if algorithm == "requantize":
        return {"q": oracle.requantize(t["acc"], t["mantissa"], max(t["shift"], -200), t["zero_point"], grid)}
    if algorithm.endswith("params"):
        lo, hi = (np.dtype(g["scale_dtype"]).type(number(g["dtype"], t[end])) for end in ("lo", "hi"))
        scale, zero_point = getattr(oracle, algorithm.replace("params", "range"))(lo, hi, grid)
        return {"scale": float(scale), "zero_point": zero_point}
    scale = number(g["scale_dtype"], t["scale"])
    if algorithm == "dequantize":
        return {"x_hat": float(oracle.dequantize(t["q"], scale, t["zero_point"], grid, np.dtype(g["x_hat_dtype"])))}
    x = number(g["dtype"], t["x"])
    assert grid.arithmetic(x.dtype) == g["arithmetic"]
    q = oracle.quantize(x, scale, t["zero_point"], grid)
    if algorithm == "quantize":
        return {"q": q}
    x_hat = oracle.dequantize(q, scale.astype(g["arithmetic"]), t["zero_point"], grid, x.dtype)
    passed = grid.qmin <= oracle.unclipped(x, scale, t["zero_point"], grid) <= grid.qmax
    return {"q": q, "x_hat": float(x_hat), "gradient": int(passed)}


def products(g: dict[str, Any], t: dict[str, Any]) -> dict[str, Any]:
    m, k, n, a, b = (t[name] for name in ("m", "k", "n", "a", "b"))
    if len(a) == len(b) == 1:
        acc = [k * a[0] * b[0]] * (m * n)
    else:
        acc = [sum(a[(i * k + j) % len(a)] * b[(j * n + l) % len(b)] for j in range(k))
               for i in range(m) for l in range(n)]
    largest = [max(-int(np.iinfo(g[name]).min), int(np.iinfo(g[name]).max)) for name in ("a_dtype", "b_dtype")]
    return {"acc": acc, "acc_dtype": "int32" if k * largest[0] * largest[1] < 2**31 else "int64"}


def computed(algorithm: str, g: dict[str, Any], t: dict[str, Any]) -> dict[str, Any]:
    """The outputs by the library."""
    if algorithm in NEW:
        return computed_of_values(algorithm, g, t)
    if algorithm == "integer_matmul":
        acc = rq.integer_matmul(matrix(t["a"], g["a_dtype"], t["m"], t["k"]),
                                matrix(t["b"], g["b_dtype"], t["k"], t["n"]))
        return {"acc": acc.ravel().tolist(), "acc_dtype": acc.dtype.name}
    if algorithm == "quantize_multiplier":
        mantissa, shift = rq.quantize_multiplier(number(g["dtype"], t["m"]))
        return {"mantissa": int(mantissa), "shift": int(shift)}
    grid = grid_of(g)
    if algorithm == "requantize":
        return {"q": int(rq.requantize(t["acc"], t["mantissa"], t["shift"], t["zero_point"], grid))}
    if algorithm.endswith("params"):
        params = getattr(rq, algorithm)(*(number(g["dtype"], t[end]) for end in ("lo", "hi")), grid)
        assert params.scale.dtype == g["scale_dtype"]
        return {"scale": float(params.scale), "zero_point": int(params.zero_point)}
    params = rq.AffineParams(scale=number(g["scale_dtype"], t["scale"]), zero_point=t["zero_point"], grid=grid)
    if algorithm == "dequantize":
        x_hat = rq.dequantize(t["q"], params)
        assert x_hat.dtype == g["x_hat_dtype"]
        return {"x_hat": float(x_hat)}
    x = number(g["dtype"], t["x"])
    if algorithm == "quantize":
        return {"q": int(rq.quantize(x, params))}
    x_hat = rq.fake_quantize(x, params)
    gradient = rq.straight_through(np.array(x), params.scale, params.zero_point, grid)[1](np.ones((), x.dtype))
    assert x_hat.dtype == g["x_hat_dtype"]
    return {"q": int(rq.quantize(x, params)), "x_hat": float(x_hat), "gradient": int(gradient)}


def reals(text: Any) -> Any:
    """Hexadecimal text as floats, in lists too."""
    return float.fromhex(text) if isinstance(text, str) else [reals(part) for part in text]


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", NAMES)
def test_every_test_is_the_oracles_and_the_librarys(algorithm: str, documents: Documents) -> None:
    for group, test in every(documents[algorithm]):
        if test["result"] == "invalid":
            with refused((ValueError, TypeError)):
                computed(algorithm, group, test)
            continue
        exact = expected(algorithm, group, test)
        stored = {name: reals(test[name]) if name in ("x_hat", "scale", "scales") else test[name] for name in exact}
        assert repr(stored) == repr(exact) == repr(computed(algorithm, group, test)), test  # -0.0 is another than 0.0


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", NAMES)
def test_flags_say_what_the_numbers_say(algorithm: str, documents: Documents) -> None:
    used = set()
    for group, test in every(documents[algorithm]):
        flags = set(test["flags"])
        used |= flags
        assert (test["result"] == "invalid") == bool(flags & {"nan", "refused"}), test
        if algorithm in ("quantize", "fake_quantize") and test["result"] == "valid":
            x, scale = number(group["dtype"], test["x"]), number(group["scale_dtype"], test["scale"])
            grid, v = grid_of(group), oracle.quotient(x, scale, grid_of(group))
            code = oracle.unclipped(x, scale, test["zero_point"], grid)
            assert ("tie" in flags) == (bool(np.isfinite(v)) and Fraction(float(v)).denominator == 2), test
            assert ("saturation" in flags) == (not grid.qmin <= code <= grid.qmax), test
            assert ("infinity" in flags) == bool(np.isinf(x)), test
            assert ("signed_zero" in flags) == (test["x"] == "-0x0p+0"), test
        if algorithm == "quantize_values" and test["result"] == "valid":
            dtype = np.dtype(group["arithmetic"]).type
            x, values = number(group["dtype"], test["x"]), values_of(group["grid"]["name"])
            with np.errstate(over="ignore", under="ignore"):
                v = dtype(x) / dtype(number(group["dtype"], test["scale"]))
            order = sorted({abs(value) if group["grid"]["name"] in FORMATS else value for value in values.values()})
            middle = {(a + b) / 2 for a, b in pairwise(order)}
            side = abs(float(v)) if group["grid"]["name"] in FORMATS else float(v)
            assert ("half_way" in flags) == (side in middle), test
            assert ("infinity" in flags) == bool(np.isinf(x)), test
            assert ("zero_sign" in flags) == (values[test["q"]] == 0 and bool(np.signbit(x))), test
    assert used == set(documents[algorithm]["notes"])
    assert used <= set(files.NOTES)


@pytest.mark.slow
def test_every_reason_of_the_issue_is_there_and_every_note_is_used(documents: Documents) -> None:
    notes = {name: set(documents[name]["notes"]) for name in NAMES}
    assert notes["quantize"] >= {"tie", "ulp", "subnormal", "infinity", "saturation", "reciprocal", "overflow"}
    assert notes["affine_params"] >= {"degenerate_range", "tie", "ulp", "subnormal", "one_sided"}
    assert notes["integer_matmul"] >= {"accumulator_bound", "by_dtype", "int32_wrap", "empty", "mixed"}
    assert notes["requantize"] >= {"tie", "double_rounding", "accumulator_bound", "shift_bound", "float32_multiplier"}
    assert notes["quantize_multiplier"] >= {"tie", "carry", "ulp", "subnormal"}
    assert set.union(*notes.values()) == set(files.NOTES)


@pytest.mark.slow
def test_the_values_of_the_issue_are_there(documents: Documents) -> None:
    found = {float.fromhex(test["x"]): test["q"] for group, test in every(documents["quantize_values"])
             if (group["grid"]["name"], group["dtype"], test["scale"]) == ("E4M3", "float32", "0x1p+0") and "q" in test}
    for x, q in ((17.0, 0x58), (19.0, 0x5A), (3 * 2.0**-10, 0x02), (480.0, 0x7E), (-np.inf, 0xFE)):
        assert q in (found.get(x), found.get(-x, 0) ^ 0x80), x
    assert documents["quantize_values"]["notes"].keys() >= {"half_way", "through_float32", "zero_sign", "saturation",
                                                            "subnormal_value", "reciprocal", "infinity"}
    assert documents["mx_params"]["notes"].keys() >= {"float32_log", "scale_bound", "clipping_scale", "zero"}
    codes = {(g["grid"]["name"], t["q"]): t["result"] for g, t in every(documents["dequantize_values"])
             if t["scale"] == "0x1p+0"}
    for name in (*FORMATS, "NF4", "E8M0"):
        assert {q for (grid, q), result in codes.items() if (grid, result) == (name, "valid")} == set(values_of(name))
        assert codes[name, -1] == codes[name, 2**getattr(rq, name).bits] == "invalid"


@pytest.mark.slow
def test_known_cases(documents: Documents) -> None:
    def found(algorithm: str, out: str, **wanted: Any) -> set[str]:
        tests = [{**group, **group.get("grid", {}), **test} for group, test in every(documents[algorithm])]
        return {str(test[out]) for test in tests if all(test[name] == value for name, value in wanted.items())}

    unit = {"lo": "-0x1p+0", "hi": "0x1p+0", "bits": 8, "signed": False, "out": "zero_point"}
    assert found("affine_params", dtype="float32", **unit) == {"127"}
    assert found("affine_params", dtype="float64", **unit) == {"128"}
    assert found("requantize", acc=245, mantissa=3 * 2**29, shift=-4, zero_point=0, bits=8, out="q") == {"11"}
    for k, dtype in ((131071, "int32"), (131072, "int64")):
        assert found("integer_matmul", a_dtype="int8", b_dtype="int8", k=k, out="acc_dtype") == {dtype}
    assert found("affine_params", lo="0x0p+0", hi="0x0p+0", out="scale") == {"0x1p+0"}


def without_bits(value: dict[str, Any]) -> dict[str, Any]:
    """A group or a test as in version 1.1.0: the bits say again what the hex floats say (tested below)."""
    return {k: without_bits(v) if isinstance(v, dict) else v for k, v in value.items() if not k.endswith("_bits")}


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", NAMES)
def test_a_changed_expected_code_is_a_major_version(algorithm: str, documents: Documents) -> None:
    count, digest = RESULTS.get(algorithm, (0, ""))
    told = {}
    for group, test in every(documents[algorithm]):
        shared = without_bits({k: v for k, v in group.items() if k != "tests"})
        told[test["tcId"]] = [shared, without_bits({k: v for k, v in test.items()
                                                    if k not in ("rule", "flags", "comment")})]
    now = hashlib.sha256(json.dumps([told[i] for i in sorted(told) if i <= count], sort_keys=True).encode()).hexdigest()
    assert files.VERSION.split(".")[0] != RECORDED.split(".")[0] or now == digest, (
        f"{algorithm}.json: an input or an expected result of tests 1 to {count} changed. A changed expected code is a "
        f"major version: raise documents.VERSION, say in CHANGELOG.md what changed and why, record ({count}, {now!r})")
    assert len(told) == count, (f"{algorithm}.json: {len(told)} tests instead of {count}. New tests come last and are "
                                "a minor version: raise documents.VERSION and record them here")
    assert files.VERSION == RECORDED and now == digest, f"record {files.VERSION}: ({count}, {now!r})"


@pytest.mark.slow
def test_the_files_are_in_the_manner_of_wycheproof(folder: Path, documents: Documents) -> None:
    for name, whole in documents.items():
        text = (folder / f"{name}.json").read_text("ascii")
        numbers = [test["tcId"] for group in whole["testGroups"] for test in group["tests"]]
        assert whole["numberOfTests"] == len(numbers) >= 150
        assert sorted(numbers) == list(range(1, len(numbers) + 1))
        assert whole["generatorVersion"] == rq.__version__ and whole["vectorsVersion"] == files.VERSION
        lines = text.splitlines()
        assert sum(line.startswith('{"tcId": ') for line in lines) == len(numbers)
        assert sum(line.endswith('"tests": [') for line in lines) == len(whole["testGroups"])
        assert max(map(len, lines)) < 999  # check_quantize.c's buffer
    assert {path.name for path in folder.iterdir()} == {f"{name}.json" for name in NAMES} | set(files.TEMPLATES)
    assert sum(path.stat().st_size for path in folder.iterdir()) < 3_600_000  # 0.85 MB of it are the bits


@pytest.mark.slow
def test_the_same_bytes_in_another_process(folder: Path) -> None:
    for name in ("quantize_multiplier", "integer_matmul"):
        assert (folder / f"{name}.json").read_text("ascii") == files.text(files.document(name))


# The bits beside the hex floats.

OF = {"float16": ">e", "float32": ">f", "float64": ">d"}


def bits_beside(name: str, holder: dict[str, Any], dtype: str) -> Iterator[tuple[str, str]]:
    """(hex float, bits) of one real, or of each in its lists; the bits are as long as the dtype."""
    texts, bits = holder[name], holder[f"{name}_bits"]
    while isinstance(texts, list) and isinstance(texts[0], list):
        assert list(map(len, texts)) == list(map(len, bits))
        texts, bits = [t for row in texts for t in row], [b for row in bits for b in row]
    for text, digits in zip(*([texts], [bits]) if isinstance(texts, str) else (texts, bits), strict=True):
        assert len(digits) == struct.calcsize(OF[dtype]) * 2, (name, holder)
        yield text, digits


def every_real(document: Vectors) -> Iterator[tuple[str, str]]:
    """(hex float, bits) of every real of a file; each real has bits, and nothing else has."""
    def reals_of(holder: dict[str, Any], group: dict[str, Any]) -> Iterator[tuple[str, str]]:
        real = {k for k, v in holder.items() if k in ("largest", "scales")
                or (isinstance(v, str) and re.fullmatch("nan|-?inf|-?0x.*p.*", v))}
        assert {k for k in holder if k.endswith("_bits")} == {f"{k}_bits" for k in real}, holder
        for name in real:
            own = {"qmin": "float64", "qmax": "float64", "x_hat": group.get("x_hat_dtype", group.get("dtype")),
                   "scale": group.get("scale_dtype"), "scales": group.get("scale_dtype"),
                   "second": group.get("scale_dtype")}.get(name) or group.get("dtype") or group["scale_dtype"]
            yield from bits_beside(name, holder, own)

    for group in document["testGroups"]:
        for holder in (group, group.get("grid", {}), group.get("scale_grid", {}), *group["tests"]):
            yield from reals_of(holder, group)
            assert holder is group or [*holder] == sorted(holder, key=lambda k: k.endswith("_bits")), holder


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", NAMES)
def test_the_bits_are_those_of_the_hex_floats(algorithm: str, documents: Documents) -> None:
    count = 0
    for text, digits in every_real(documents[algorithm]):
        read = struct.unpack(OF[{4: "float16", 8: "float32", 16: "float64"}[len(digits)]], bytes.fromhex(digits))[0]
        assert struct.pack(">d", read) == struct.pack(">d", float.fromhex(text)), (text, digits)
        count += 1
    assert (count > 100) == (algorithm not in ("integer_matmul", "requantize"))


# The schema, read by the little of JSON Schema that it uses; and by jsonschema where it is installed.

KINDS = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
SCHEMA = json.loads((Path(files.__file__).parent / "templates" / "vectors.schema.json").read_text("ascii"))


def fits(value: Any, schema: Any) -> bool:
    """Whether a value is valid."""
    if isinstance(schema, bool):
        return schema
    assert set(schema) <= {
        "$ref", "$schema", "$defs", "title", "description", "type", "const", "enum", "pattern", "minimum", "maximum",
        "required", "properties", "additionalProperties", "items", "minItems", "uniqueItems", "allOf", "if", "then",
        "else"}, schema
    if "$ref" in schema and not fits(value, SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")]):
        return False
    if "type" in schema and (not isinstance(value, KINDS[schema["type"]])
                             or (isinstance(value, bool) and schema["type"] != "boolean")):
        return False
    if ("const" in schema and value != schema["const"]) or ("enum" in schema and value not in schema["enum"]):
        return False
    if "if" in schema and not fits(value, schema.get("then" if fits(value, schema["if"]) else "else", True)):
        return False
    return all(fits(value, part) for part in schema.get("allOf", ())) and inside(value, schema)


def inside(value: Any, schema: dict[str, Any]) -> bool:
    """Whether what a value holds is valid."""
    if isinstance(value, dict):
        known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
        return set(schema.get("required", ())) <= set(value) and all(
            fits(part, known.get(name, others)) for name, part in value.items())
    if isinstance(value, list):
        distinct = not schema.get("uniqueItems") or len(set(map(repr, value))) == len(value)
        return distinct and len(value) >= schema.get("minItems", 0) and all(
            fits(part, schema.get("items", True)) for part in value)
    if isinstance(value, str):
        return not schema.get("pattern") or re.search(schema["pattern"], value) is not None
    return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))


def spoilt(documents: Documents) -> Iterator[Vectors]:
    """Files that the schema must refuse."""
    def first(name: str, **changes: Any) -> Vectors:
        group = documents[name]["testGroups"][0]
        test = {key: value for key, value in {**group["tests"][0], **changes}.items() if value is not None}
        return {**documents[name], "testGroups": [{**group, "tests": [test]}]}

    assert fits(first("quantize"), SCHEMA)
    for changes in ({"q": None}, {"q": 1.5}, {"x": "0.1"}, {"x": "0x1.80p+1"}, {"result": "invalid"}, {"rule": "R19"},
                    {"flags": []}, {"flags": ["tie", "tie"]}, {"tcId": 0}, {"extra": 1}, {"zero_point": True},
                    {"x_bits": None}, {"scale_bits": "0x3f800000"}, {"x_bits": "3F800000"}, {"x_bits": "3f8000000"},
                    {"q_bits": "00"}):
        yield first("quantize", **changes)
    yield first("fake_quantize", gradient=2)
    yield first("quantize_multiplier", mantissa=2**31)
    yield first("integer_matmul", acc_dtype="int16")
    yield first("quantize_values", x_hat=None)
    yield first("quantize_values", x_hat_bits=None)
    yield first("two_level", largest_bits=["3f800000"])
    yield first("dequantize_values", x_hat="1.0")
    yield first("mx_params", scale=1)
    yield first("two_level", scales=["0x1p+0"])
    yield {**first("quantize"), "algorithm": "dequantize"}
    yield {**first("quantize"), "vectorsVersion": "1"}
    yield {**first("quantize"), "notes": {"tie": 1}}


@pytest.mark.slow
def test_the_schema_takes_the_files_and_refuses_spoilt_ones(documents: Documents) -> None:
    for name in NAMES:
        assert fits(documents[name], SCHEMA), name
    for whole in spoilt(documents):
        assert not fits(whole, SCHEMA), whole


@pytest.mark.slow
@pytest.mark.notebooks
def test_jsonschema_reads_the_schema_alike(documents: Documents) -> None:
    jsonschema = needs("jsonschema", "notebooks")  # nbformat brings it
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    validator = jsonschema.Draft202012Validator(SCHEMA)
    for whole in documents.values():
        groups = [{**group, "tests": group["tests"][::40]} for group in whole["testGroups"]]
        validator.validate({**whole, "testGroups": groups})
    assert not any(validator.is_valid(whole) for whole in spoilt(documents))


@pytest.mark.slow
def test_the_readme_explains_every_flag_rule_and_file(folder: Path) -> None:
    text = (folder / "README.md").read_text("utf-8")
    for word in (*files.NOTES, *(f"{name}.json" for name in NAMES), "check_quantize.c", "vectors.schema.json"):
        assert f"`{word}`" in text, word
    assert all(f"{number}: " in text for number in rq.RULES) and not re.search("@[A-Z]+@", text)
    assert f"version {files.VERSION}" in text and "major version" in text and "BSD-3-Clause" in text


# The checker in C.

def compiler() -> str:
    found = next((cc for cc in (os.environ.get("CC"), "cc", "gcc", "clang") if cc and shutil.which(cc)), None)
    if not found:
        assert not os.environ.get("CI"), "CI needs a C compiler: check_quantize.c is compiled and run there"
        pytest.skip("needs a C compiler (cc, gcc, clang, or $CC)")
    return found


def compiled(folder: Path, source: str, name: str, level: str = "-O0") -> Path:
    """The checker, compiled without a warning."""
    (folder / f"{name}.c").write_text(source)
    subprocess.run([compiler(), "-std=c99", level, "-Wall", "-Wextra", "-Werror", f"{name}.c", "-o", name, "-lm"],
                   cwd=folder, check=True, timeout=60)
    return folder / name


def checks(program: Path, *paths: Path | str) -> tuple[int, str]:
    """Its status and its words on these files."""
    end = subprocess.run([str(program), *map(str, paths)], cwd=program.parent, capture_output=True, text=True,
                         timeout=60)
    return end.returncode, end.stdout


@pytest.fixture(scope="module")
def checker(folder: Path) -> str:
    return (folder / "check_quantize.c").read_text("ascii")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkers")


@pytest.mark.slow
def test_the_checker_passes_every_test_of_every_file(folder: Path, checker: str, built: Path) -> None:
    paths = {name: folder / f"{name}.json" for name in NAMES}
    wanted = "".join(f"{path}: {RESULTS[name][0]} passed, 0 wrong\n" for name, path in paths.items())
    assert checks(compiled(built, checker, "right", "-O2"), *paths.values()) == (0, wanted)


@pytest.mark.slow
def test_the_checker_says_what_it_skips_and_what_it_cannot_read(
        folder: Path, checker: str, built: Path, documents: Documents) -> None:
    vectors, skips = (folder / "quantize.json").read_text("ascii"), checker.replace("REFUSES 1", "REFUSES 0")
    invalid = sum(test["result"] == "invalid" for _, test in every(documents["quantize"]))
    valid = RESULTS["quantize"][0] - invalid
    assert skips != checker and invalid > 5
    told = {
        "quantize.json": (0, f"{valid} passed, 0 wrong, {invalid} skipped: to be refused", vectors),
        "other.json": (2, f"0 passed, 0 wrong, {invalid} skipped: to be refused, {valid} skipped: no function here for "
                       "quantize_slowly", vectors.replace('"type": "quantize"', '"type": "quantize_slowly"')),
        "indented.json": (2, "0 passed, 0 wrong, others not read: leave each test on a line",
                          json.dumps(documents["quantize"], indent=1)),
        "long.json": (2, "0 passed, 0 wrong, others not read: leave each test on a line",
                      json.dumps(documents["quantize"])),
        "cut.json": (2, f"{valid} passed, 0 wrong, {invalid - 1} skipped: to be refused, others not read: leave each "
                     "test on a line", vectors.replace('{"tcId": 1320, ', '{"tcId":1320, ')),
        "none.json": (2, "0 passed, 0 wrong, no test in it", '{"numberOfTests": {}}'),
    }
    program = compiled(built, skips, "skips")
    for name, (status, words, content) in told.items():
        (built / name).write_text(content)
        assert checks(program, name) == (status, f"{name}: {words}\n")
    assert checks(program, "missing.json") == (2, "")
    assert checks(program, "none.json", "quantize.json")[0] == 0
    assert checks(program) == checks(program, "quantize.json")


FAULTS = {  # name: file, what stands there, what a mistaken one has
    "ties away": ("quantize", "nearbyint(rounded(x / s, g.arithmetic))", "round(rounded(x / s, g.arithmetic))"),
    "reciprocal": ("quantize", "rounded(x / s, g.arithmetic)) +",
                   "rounded(x * rounded(1 / s, g.arithmetic), g.arithmetic)) +"),
    "zero point before rounding": ("quantize", "nearbyint(rounded(x / s, g.arithmetic)) + zero_point",
                                   "nearbyint(rounded(x / s, g.arithmetic) + zero_point)"),
    "division in double": ("quantize", "nearbyint(rounded(x / s, g.arithmetic))", "nearbyint(x / s)"),
    "float16 read without subnormals": ("quantize", ": ldexp(mantissa, -24)", ": ldexp(1024 + mantissa, -25)"),
    "float64 read as float32": ("quantize", "memcpy(&wide, &bits, 8), wide", "memcpy(&wide, &bits, 8), (float)wide"),
    "float16 rounded to 12 bits": ("dequantize", "-13) - 11", "-13) - 12"),
    "no overflow of float16": ("dequantize", "if (fabs(x) >= 65520)", "if (fabs(x) >= 65536)"),
    "gradient of what was not rounded": ("fake_quantize", "return inside(unclipped(x, scale, zero_point, g), g);",
                                         "return inside(x / scale + zero_point, g);"),
    "zero refused": ("quantize", "if (isnan(x) ||", "if (x == 0 || isnan(x) ||"),
    "NaN taken": ("quantize", "if (isnan(x) ||", "if (isnan(x)) x = 0;\n    if ("),
    "width overflows": ("affine_params", "rounded(hi / 2, g.scale_dtype) - rounded(lo / 2, g.scale_dtype)",
                        "rounded(hi - lo, g.scale_dtype) / 2"),
    "127.5": ("symmetric_params", "largest / reach", "largest / (reach + 0.5)"),
    "multiplier without carry": ("quantize_multiplier", "if (whole == ldexp(1, 31))", "if (whole > ldexp(1, 31))"),
    "ties up": ("requantize", "(rest == half && whole % 2)", "rest == half"),
    "infinity is a value": ("dequantize_values", "x > g.qmax ? NAN", "x > 2 * g.qmax ? NAN"),
    "no minus zero": ("quantize_values", "signbit(v)", "v > 0"),
    "ties to the lower value": ("quantize_values", "low % 2 ? high", "low % 2 ? low"),
    "floor": ("mx_params", "more = fraction > 0.5", "more = fraction > 1"),
    "second scale of all": ("two_level", "g.shared == 'r' ? i", "g.shared == 'x' ? i"),
    "wraps at int32": ("integer_matmul", "(int64_t)a[i * k + l] * b", "(int64_t)a[i * k + l] * (short)b"),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_checker_fails(fault: str, folder: Path, checker: str, built: Path) -> None:
    name, right, wrong = FAULTS[fault]
    assert checker.count(right) == 1
    status, words = checks(compiled(built, checker.replace(right, wrong), "wrong"), folder / f"{name}.json")
    *told, last = words.splitlines()
    found = re.fullmatch(rf".*{name}\.json: (\d+) passed, (\d+) wrong", last)
    assert status == 1 and found and int(found[2]) == len(told) > 0
    assert int(found[1]) + int(found[2]) == RESULTS[name][0]
    assert all(re.fullmatch(r"tcId \d+: [a-z_]+(\[\d+\])? = \S+( instead of \S+)?", line) for line in told)


# The README's JavaScript and Rust.

def program(name: str) -> str:
    found = shutil.which(name)
    if not found:
        pytest.skip(f"needs {name}: what the README of the vectors shows is run where it is installed")
    return found


def shown(folder: Path, language: str) -> str:
    """The one block of this language in the README."""
    blocks = re.findall(f"```{language}\n(.*?)```", (folder / "README.md").read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 1
    return str(blocks[0])


def pairs(documents: Documents) -> list[str]:
    """Bits as in the files, and those of the same number in float64; of NaN one."""
    read = {digits: struct.pack(">d", float.fromhex(text)).hex() for whole in documents.values()
            for text, digits in every_real(whole)}
    some = [f"{digits} {wide}" for digits, wide in read.items()]
    assert {len(digits) for digits in read} == {4, 8, 16} and len(some) > 5000
    return some


@pytest.mark.slow
def test_the_javascript_reads_the_files(folder: Path, built: Path, documents: Documents) -> None:
    node, source = program("node"), shown(folder, "js")
    valid = sum(test["result"] == "valid" for _, test in every(documents["quantize"]))

    def run(source: str, **more: Any) -> subprocess.CompletedProcess[str]:
        (built / "check.js").write_text(source)
        return subprocess.run([node, str(built / "check.js")], cwd=folder, capture_output=True, text=True, timeout=60,
                              **more)

    end = run(source)
    assert (end.stdout, end.stderr, end.returncode) == (f"{valid} passed\n", "", 0)
    for right, wrong in (("floor + up", "Math.round(v)"), ("v - floor === 0.5 && floor % 2 !== 0", "false"),
                         ("Math.fround", "v => v"), ("(1024 + mantissa)", "(1023 + mantissa)")):
        assert source.count(right) == 1 and "Error: tcId " in run(source.replace(right, wrong)).stderr
    end = run(source + """
      const view = new DataView(new ArrayBuffer(8));
      for (const pair of require("fs").readFileSync(0, "utf8").trim().split("\\n")) {
        const [bits, wide] = pair.split(" ");
        view.setFloat64(0, real(bits));
        const got = view.getBigUint64(0).toString(16).padStart(16, "0");
        if (got !== wide) throw Error(`${bits}: ${got} instead of ${wide}`);
      }
      console.log("read");""", input="\n".join(pairs(documents)))
    assert (end.stdout, end.stderr) == (f"{valid} passed\nread\n", "")


@pytest.mark.slow
def test_the_rust_reads_the_files(folder: Path, built: Path, documents: Documents) -> None:
    rustc = program("rustc")
    (built / "read.rs").write_text(shown(folder, "rust") + """
        fn main() {
            for line in std::io::stdin().lines().map(|line| line.unwrap()) {
                let (bits, wide) = line.split_once(' ').unwrap();
                assert_eq!(format!("{:016x}", real(bits).to_bits()), wide, "{bits}");
            }
            println!("read");
        }""")
    subprocess.run([rustc, "-D", "warnings", "--edition", "2021", "read.rs"], cwd=built, check=True, timeout=100)
    end = subprocess.run([str(built / "read")], input="\n".join(pairs(documents)), capture_output=True, text=True,
                         timeout=60)
    assert (end.stdout, end.stderr) == ("read\n", "")


# The command.

@pytest.mark.parametrize("words", [["--out", __file__], ["--out", ""], ["--outt"], ["more"]])
def test_bad_input_is_one_line_and_status_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        status = main(["vectors", *words])
    except SystemExit as end:
        status = int(end.code or 0)
    out, err = capsys.readouterr()
    assert status == 2 and out == "" and err.count("\n") == 1 and "Hint: " in err
