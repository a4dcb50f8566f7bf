"""Test vectors for other languages, in the manner of Wycheproof: JSON files, a schema, a README, a checker in C."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from ... import RULES, __version__
from ...files import writable_folder
from .. import results
from . import integer_cases, quantization_cases, range_cases, scale_cases, value_cases
from .case import Case, bits_of, once
from .notes import NOTES, rule_of

VERSION = "1.2.0"  # a changed expected code or value is a major version, more cases or keys a minor, words a patch
TEMPLATES = ("README.md", "vectors.schema.json", "check_quantize.c")


class Algorithm(NamedTuple):
    """What a file is about, and its cases."""

    header: str
    cases: Callable[[], Iterable[Case]]


ALGORITHMS = {
    "quantize": Algorithm("q = clip(round(x / scale) + zero_point, qmin, qmax), ties to even; the division in the "
                          "dtype of the arithmetic.", quantization_cases.quantize_cases),
    "dequantize": Algorithm("x_hat = scale * (q - zero_point), in x_hat_dtype.", quantization_cases.dequantize_cases),
    "fake_quantize": Algorithm("x_hat = scale * (q - zero_point) with q = quantize(x), in x_hat_dtype; gradient is the "
                               "straight-through estimator's: 1 where the rounded code was not clipped, else 0.",
                               quantization_cases.fake_quantize_cases),
    "affine_params": Algorithm("[lo, hi] widened to contain 0; scale = (hi/2 - lo/2) / ((qmax - qmin)/2), zero_point = "
                               "qmin + round(clip(-lo/scale, 0, qmax - qmin)).", range_cases.affine_params_cases),
    "symmetric_params": Algorithm("scale = max(|lo|, |hi|) / min(qmax - zero_point, zero_point - qmin); zero_point = 0,"
                                  " or (qmin + qmax + 1)//2 when unsigned.", range_cases.symmetric_params_cases),
    "integer_matmul": Algorithm("acc = a @ b exactly, a of m rows and k columns, b of k rows and n columns. The lists "
                                "hold codes row by row; a shorter list is repeated from its start.",
                                integer_cases.integer_matmul_cases),
    "quantize_multiplier": Algorithm("m = mantissa * 2**(shift - 31), mantissa in [2**30, 2**31), rounded to the "
                                     "nearest, ties to even.", integer_cases.quantize_multiplier_cases),
    "requantize": Algorithm("q = clip(round(acc * mantissa * 2**(shift - 31)) + zero_point, qmin, qmax), one rounding "
                            "of the exact product, ties to even.", integer_cases.requantize_cases),
    "quantize_values": Algorithm("Float grids and codebooks: q = encode(clip(round(x / scale), qmin, qmax)), ties to "
                                 "the even code, of a codebook to the lower value; x_hat = scale * decode(q), in x's "
                                 "dtype.", value_cases.quantize_values_cases),
    "dequantize_values": Algorithm("Float grids and codebooks: x_hat = scale * decode(q), in scale_dtype; with scale 1 "
                                   "the value of every code.", value_cases.dequantize_values_cases),
    "mx_params": Algorithm("scale = 2**(floor(log2 max(|lo|, |hi|)) - floor(log2 qmax)); twice that by mx_ceil_params "
                           "unless max(|lo|, |hi|) is a power of two, by mx_even_params where it rounds to the next, "
                           "by mx_rceil_params where it exceeds qmax * scale.", scale_cases.mx_params_cases),
    "two_level": Algorithm("scale = second * the value of scale_grid nearest to (symmetric_params' scale) / second, "
                           "never below its smallest positive one; second = the largest such scale / qmax of "
                           "scale_grid, over all blocks or a row of them, or given.", scale_cases.two_level_cases),
}


@cache
def document(algorithm: str) -> dict[str, Any]:
    """One file: its head, its notes, and groups of tests that share a grid and dtypes.

    >>> vectors = document("quantize_multiplier")
    >>> vectors["testGroups"][0]["dtype"], vectors["testGroups"][0]["tests"][0]["m"]
    ('float64', '0x1.fffffffep-42')
    >>> vectors["testGroups"][0]["tests"][0]["m_bits"]
    '3d5fffffffe00000'
    """
    groups: dict[str, dict[str, Any]] = {}
    chosen = once(ALGORITHMS[algorithm].cases())
    for number, case in enumerate(chosen, 1):
        group = groups.setdefault(json.dumps(case.group), {
            "type": algorithm, **case.group, **bits_of(case.group, case.group), "tests": []})
        values = {**case.given, **(case.expected or {})}
        group["tests"].append({
            "tcId": number, **values, "result": "valid" if case.expected else "invalid",
            "rule": case.rule or rule_of(algorithm, case.flags), "flags": case.flags, "comment": case.comment,
            **bits_of(values, case.group)})  # last, so that readers of the keys before them read on
    return {
        "algorithm": algorithm, "schema": "vectors.schema.json", "generatorVersion": __version__,
        "vectorsVersion": VERSION, "numberOfTests": len(chosen), "header": [ALGORITHMS[algorithm].header],
        "notes": {flag: NOTES[flag] for flag in NOTES if any(flag in case.flags for case in chosen)},
        "testGroups": list(groups.values()),
    }


def text(vectors: dict[str, Any]) -> str:
    """The file: valid JSON, each group's head on a line and each test on a line, to be read with sscanf as well."""
    head = json.dumps({**vectors, "testGroups": []}, indent=1).removesuffix("[]\n}")
    return head + "[\n" + ",\n".join(map(_group, vectors["testGroups"])) + "\n]\n}\n"


def _group(group: dict[str, Any]) -> str:
    head = json.dumps({**group, "tests": []}).removesuffix("]}")
    return head + "\n" + ",\n".join(map(json.dumps, group["tests"])) + "\n]}"


def readme() -> str:
    """The README, its tables of files, rules and flags computed."""
    documents = [document(name) for name in ALGORITHMS]
    used = {flag for d in documents for flag in d["notes"]}
    computed = {
        "VERSION": VERSION,
        "FILES": "\n".join(f"| `{d['algorithm']}.json` | {d['numberOfTests']} | {_cell(d['header'][0])} |"
                           for d in documents),
        "RULES": "\n".join(textwrap.fill(f"{n}: {rule}", 116, subsequent_indent="    ") for n, rule in RULES.items()),
        "FLAGS": "\n".join(f"| `{flag}` | {_cell(note)} |" for flag, note in NOTES.items() if flag in used),
    }
    page = _template("README.md")
    for name, part in computed.items():
        page = page.replace(f"@{name}@", part)
    return page


def _cell(words: str) -> str:
    """Plain text in a table of Markdown."""
    return words.replace("*", r"\*").replace("|", r"\|")


def contents() -> dict[str, str]:
    """File name -> what is in it, the same on every machine."""
    whole = {f"{name}.json": text(document(name)) for name in ALGORITHMS}
    return {**whole, **{name: readme() if name == "README.md" else _template(name) for name in TEMPLATES}}


def save(out: str | Path) -> results.Written:
    """Write all files to the folder, or none; where they are."""
    return results.save("vectors", writable_folder("refquant vectors", out), contents())


def _template(name: str) -> str:
    return (files(__package__) / "templates" / name).read_text(encoding="utf-8")
