"""The vectors: what they promise, that the oracle and the library agree with each, and that a wrong one is caught."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
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
RECORDED = "1.0.0"
RESULTS: dict[str, tuple[int, str]] = {  # of RECORDED: how many tests, and the digest of their inputs and results
    "quantize": (1324, "aca46c314b9591f47ce8f439e3a58a126d1a7dbe288098ec870b3e307ef70d01"),
    "dequantize": (751, "a63680d6f889c5bf89abf8c58305fa231a0926c98c65dabc9cd98752e5b631ec"),
    "fake_quantize": (880, "016f70a51ba95b57b3083be73de14bee272edbeeda40d7ddc68f4368cb8e948d"),
    "affine_params": (1032, "633575971ec7f4ef0a6c2ec37f3e36a6d6d0ea50102f6c1e48990f174db45370"),
    "symmetric_params": (648, "b8a86ac00cb9f636a4ab0a648a8f26334b2c654f8021f8ebf73483b42a63b84d"),
    "integer_matmul": (306, "b866095792e2253ce132a67d889572589909efeea2b87607918da7f434a57c70"),
    "quantize_multiplier": (191, "881ce354063585db67f503e16b75add2ec5a4e9d521f4751e78c9587463931d2"),
    "requantize": (982, "be059a6a693a10511fc0f1ce3ab80e57769317c6b5cf94cc73c573fa5b8002ec"),
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


@quiet
def expected(algorithm: str, g: dict[str, Any], t: dict[str, Any]) -> dict[str, Any]:
    """The outputs by the oracle, in exact fractions, or in Python's integers."""
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


@pytest.mark.parametrize("algorithm", NAMES)
def test_every_test_is_the_oracles_and_the_librarys(algorithm: str, documents: Documents) -> None:
    for group, test in every(documents[algorithm]):
        if test["result"] == "invalid":
            with refused((ValueError, TypeError)):
                computed(algorithm, group, test)
            continue
        exact = expected(algorithm, group, test)
        stored = {name: float.fromhex(test[name]) if name in ("x_hat", "scale") else test[name] for name in exact}
        assert stored == exact == computed(algorithm, group, test), test


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
    assert sum(path.stat().st_size for path in folder.iterdir()) < 1_500_000


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
    for changes in ({"q": None}, {"q": 1.5}, {"x": "0.1"}, {"x": "0x1.80p+1"}, {"result": "invalid"}, {"rule": "R17"},
                    {"flags": []}, {"flags": ["tie", "tie"]}, {"tcId": 0}, {"extra": 1}, {"zero_point": True}):
        yield first("quantize", **changes)
    yield first("fake_quantize", gradient=2)
    yield first("quantize_multiplier", mantissa=2**31)
    yield first("integer_matmul", acc_dtype="int16")
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
