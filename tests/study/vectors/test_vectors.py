"""The vectors: what they promise, that the oracle and the library agree with each, and that a wrong one is caught."""

import hashlib
import json
import math
import os
import re
import shutil
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
RECORDED = "1.1.0"
RESULTS: dict[str, tuple[int, str]] = {  # of RECORDED: how many tests, and the digest of their inputs and results
    "quantize": (1324, "aca46c314b9591f47ce8f439e3a58a126d1a7dbe288098ec870b3e307ef70d01"),
    "dequantize": (751, "a63680d6f889c5bf89abf8c58305fa231a0926c98c65dabc9cd98752e5b631ec"),
    "fake_quantize": (880, "016f70a51ba95b57b3083be73de14bee272edbeeda40d7ddc68f4368cb8e948d"),
    "affine_params": (1032, "633575971ec7f4ef0a6c2ec37f3e36a6d6d0ea50102f6c1e48990f174db45370"),
    "symmetric_params": (648, "b8a86ac00cb9f636a4ab0a648a8f26334b2c654f8021f8ebf73483b42a63b84d"),
    "integer_matmul": (306, "b866095792e2253ce132a67d889572589909efeea2b87607918da7f434a57c70"),
    "quantize_multiplier": (191, "881ce354063585db67f503e16b75add2ec5a4e9d521f4751e78c9587463931d2"),
    "requantize": (982, "be059a6a693a10511fc0f1ce3ab80e57769317c6b5cf94cc73c573fa5b8002ec"),
    "quantize_values": (4398, "c5e69eca5173a646ebe9001a5eb37db6eaf36389fdb6aa476af15ff6aeb7e29f"),
    "dequantize_values": (1674, "cfa8c942bd5ec01bc6a897676abdc014deeb2420b5fbb478f334eb4da7562011"),
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


def test_every_reason_of_the_issue_is_there_and_every_note_is_used(documents: Documents) -> None:
    notes = {name: set(documents[name]["notes"]) for name in NAMES}
    assert notes["quantize"] >= {"tie", "ulp", "subnormal", "infinity", "saturation", "reciprocal", "overflow"}
    assert notes["affine_params"] >= {"degenerate_range", "tie", "ulp", "subnormal", "one_sided"}
    assert notes["integer_matmul"] >= {"accumulator_bound", "by_dtype", "int32_wrap", "empty", "mixed"}
    assert notes["requantize"] >= {"tie", "double_rounding", "accumulator_bound", "shift_bound", "float32_multiplier"}
    assert notes["quantize_multiplier"] >= {"tie", "carry", "ulp", "subnormal"}
    assert set.union(*notes.values()) == set(files.NOTES)


def test_the_values_of_the_issue_are_there(documents: Documents) -> None:
    found = {float.fromhex(test["x"]): test["q"] for group, test in every(documents["quantize_values"])
             if (group["grid"]["name"], group["dtype"], test["scale"]) == ("E4M3", "float32", "0x1p+0") and "q" in test}
    for x, q in ((17.0, 0x58), (19.0, 0x5A), (3 * 2.0**-10, 0x02), (480.0, 0x7E), (-np.inf, 0xFE)):
        assert q in (found.get(x), found.get(-x, 0) ^ 0x80), x
    assert documents["quantize_values"]["notes"].keys() >= {"half_way", "through_float32", "zero_sign", "saturation",
                                                            "subnormal_value", "reciprocal", "infinity"}
    assert documents["mx_params"]["notes"].keys() >= {"float32_log", "scale_bound", "clipping_scale", "zero"}
    codes = {(g["grid"]["name"], t["q"]): t["result"] for g, t in every(documents["dequantize_values"])}
    for name in (*FORMATS, "NF4", "E8M0"):
        assert {q for (grid, q), result in codes.items() if (grid, result) == (name, "valid")} == set(values_of(name))
        assert codes[name, -1] == codes[name, 2**getattr(rq, name).bits] == "invalid"


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


@pytest.mark.parametrize("algorithm", NAMES)
def test_a_changed_expected_code_is_a_major_version(algorithm: str, documents: Documents) -> None:
    count, digest = RESULTS.get(algorithm, (0, ""))
    told = {}
    for group, test in every(documents[algorithm]):
        shared = {k: v for k, v in group.items() if k != "tests"}
        told[test["tcId"]] = [shared, {k: v for k, v in test.items() if k not in ("rule", "flags", "comment")}]
    now = hashlib.sha256(json.dumps([told[i] for i in sorted(told) if i <= count], sort_keys=True).encode()).hexdigest()
    assert files.VERSION.split(".")[0] != RECORDED.split(".")[0] or now == digest, (
        f"{algorithm}.json: an input or an expected result of tests 1 to {count} changed. A changed expected code is a "
        f"major version: raise documents.VERSION, say in CHANGELOG.md what changed and why, record ({count}, {now!r})")
    assert len(told) == count, (f"{algorithm}.json: {len(told)} tests instead of {count}. New tests come last and are "
                                "a minor version: raise documents.VERSION and record them here")
    assert files.VERSION == RECORDED and now == digest, f"record {files.VERSION}: ({count}, {now!r})"


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
    assert sum(path.stat().st_size for path in folder.iterdir()) < 2_700_000


def test_the_same_bytes_in_another_process(folder: Path) -> None:
    for name in ("quantize_multiplier", "integer_matmul"):
        assert (folder / f"{name}.json").read_text("ascii") == files.text(files.document(name))


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
                    {"flags": []}, {"flags": ["tie", "tie"]}, {"tcId": 0}, {"extra": 1}, {"zero_point": True}):
        yield first("quantize", **changes)
    yield first("fake_quantize", gradient=2)
    yield first("quantize_multiplier", mantissa=2**31)
    yield first("integer_matmul", acc_dtype="int16")
    yield first("quantize_values", x_hat=None)
    yield first("dequantize_values", x_hat="1.0")
    yield first("mx_params", scale=1)
    yield first("two_level", scales=["0x1p+0"])
    yield {**first("quantize"), "algorithm": "dequantize"}
    yield {**first("quantize"), "vectorsVersion": "1"}
    yield {**first("quantize"), "notes": {"tie": 1}}


def test_the_schema_takes_the_files_and_refuses_spoilt_ones(documents: Documents) -> None:
    for name in NAMES:
        assert fits(documents[name], SCHEMA), name
    for whole in spoilt(documents):
        assert not fits(whole, SCHEMA), whole


@pytest.mark.notebooks
def test_jsonschema_reads_the_schema_alike(documents: Documents) -> None:
    jsonschema = needs("jsonschema", "notebooks")  # nbformat brings it
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    validator = jsonschema.Draft202012Validator(SCHEMA)
    for whole in documents.values():
        groups = [{**group, "tests": group["tests"][::40]} for group in whole["testGroups"]]
        validator.validate({**whole, "testGroups": groups})
    assert not any(validator.is_valid(whole) for whole in spoilt(documents))


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


def checks(folder: Path, source: str, name: str) -> subprocess.CompletedProcess[str]:
    """The checker compiled without a warning, and run on quantize.json."""
    (folder / f"{name}.c").write_text(source)
    subprocess.run([compiler(), "-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", f"{name}.c", "-o", name, "-lm"],
                   cwd=folder, check=True, timeout=60)
    return subprocess.run([str(folder / name)], cwd=folder, capture_output=True, text=True, timeout=60)


def test_the_checker_says_which_files_it_reads(folder: Path) -> None:
    checks(folder, (folder / "check_quantize.c").read_text(), "other")
    end = subprocess.run([str(folder / "other"), "quantize_values.json"], cwd=folder, capture_output=True, text=True,
                         timeout=60)
    assert (end.returncode, end.stdout) == (1, "0 passed: this checker reads integers' codes, as in quantize.json\n")


def test_the_checker_passes_all_float32_tests(folder: Path, documents: Documents) -> None:
    source = (folder / "check_quantize.c").read_text()
    end = checks(folder, source, "right")
    wanted = sum(g["arithmetic"] == "float32" and t["result"] == "valid" for g, t in every(documents["quantize"]))
    assert (end.stdout, end.stderr, end.returncode) == (f"{wanted} passed\n", "", 0) and wanted > 500
    assert source.count("\n") <= 20
    missing = subprocess.run([str(folder / "right"), "none.json"], cwd=folder, capture_output=True, timeout=60)
    assert missing.returncode == 2


@pytest.mark.parametrize(("right", "wrong"), [
    ("nearbyintf(x / scale)", "roundf(x / scale)"), ("x / scale", "x * (1.0f / scale)"),
    ("nearbyintf(x / scale) + (float)zero_point", "nearbyintf(x / scale + (float)zero_point)"),
    ("nearbyintf(x / scale)", "(float)nearbyint((double)x / (double)scale)"),
], ids=["ties away", "reciprocal", "zero point before rounding", "division in double"])
def test_a_broken_checker_fails(right: str, wrong: str, folder: Path) -> None:
    source = (folder / "check_quantize.c").read_text()
    assert source.count(right) == 1
    end = checks(folder, source.replace(right, wrong), "wrong")
    assert end.returncode == 1 and re.fullmatch(r"tcId \d+: q = -?\d+ instead of -?\d+\n", end.stdout)


# The command.

@pytest.mark.parametrize("words", [["--out", __file__], ["--out", ""], ["--outt"], ["more"]])
def test_bad_input_is_one_line_and_status_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        status = main(["vectors", *words])
    except SystemExit as end:
        status = int(end.code or 0)
    out, err = capsys.readouterr()
    assert status == 2 and out == "" and err.count("\n") == 1 and "Hint: " in err
