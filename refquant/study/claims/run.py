"""The claims, measured: one records file for each experiment, written whole or not at all, kept by a rerun."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from ... import __version__, arguments
from ...files import writable_folder, write, write_all
from ..compare.tasks import Plan, Task, prepare
from ..jobs import run
from ..options import meaning
from . import sentences
from .experiments import EXPERIMENTS, SEEDS, Observation
from .experiments.observe import MADE
from .page import to_html
from .report import Report, report, to_json, to_markdown
from .section import TEXT
from .verdicts import outcome

Settings = dict[str, Any]
#: How long a seed of each experiment takes beside the others: for the time left. The rest take 1.
WEIGHTS = {"qat": 15, "sizes": 7, "data-size": 23, "cost": 10, "calibration": 2, "representative": 5, "labels": 2,
           "schedule": 4, "text-data": 60, "text-scratch": 130}


def settings(seeds: int, epochs: int = 60) -> Settings:
    """What a records file must have been made with, to be kept."""
    plan = _plan(epochs)
    task = _prepared(plan._replace(epochs=1), 0)
    return {"seeds": seeds, "epochs": epochs, "calibration": plan.calibration, "sizes": list(plan.sizes),
            "training_images": len(task.data.train.x), "test_images": len(task.data.test.x)}


def measure(folder: Path, names: Sequence[str], asked: Settings, jobs: int) -> list[Path]:
    """Run those of the experiments that have no records in the folder; the files written, each when it is complete."""
    kept = _kept(folder, asked)
    missing = [name for name in names if name not in kept]
    tasks = [(name, seed) for name in missing for seed in range(_seeds(name, asked))]
    found: dict[str, dict[int, list[Observation]]] = {name: {} for name in missing}
    written: list[Path] = []

    def collect(i: int, records: list[Observation]) -> None:
        name, seed = tasks[i]
        found[name][seed] = records
        if len(found[name]) == _seeds(name, asked):
            written.append(_save(folder, name, asked, [r for s in sorted(found[name]) for r in found[name].pop(s)]))

    if tasks:
        writable_folder("refquant claims", folder / "records")
        run(partial(_observe, _plan(asked["epochs"])), tasks, min(jobs, len(tasks)), "claims", collect,
            [WEIGHTS.get(name, 1) for name, _ in tasks])
    return written


def publish(folder: Path, asked: Settings) -> tuple[Report, list[Path]]:
    """claims.json, claims.md and claims.html, made anew from all the records in the folder."""
    found = _report(folder, asked)
    pages = {folder / "claims.json": to_json(found), folder / "claims.md": to_markdown(found),
             folder / "claims.html": to_html(found)}
    write_all(pages)
    return found, list(pages)


def published(folder: Path) -> Report:
    """What the records of a folder say, with the settings and versions that they were made with."""
    made = json.loads((folder / "claims.json").read_text(encoding="utf-8"))
    return _report(folder, made["settings"], made["versions"]["refquant"])


def versions() -> dict[str, str]:
    """What the figures may depend on, in the last digits."""
    return {"refquant": __version__, "NumPy": np.__version__, "Python": platform.python_version()}


def _report(folder: Path, asked: Settings, version: str = "") -> Report:
    kept = _kept(folder, asked, version)
    made = [file["versions"] for file in kept.values()]
    return report(sentences(), {**{name: file["records"] for name, file in kept.items()}, **_text(folder)}, asked,
                  {name: " and ".join(sorted({v[name] for v in made})) for name in versions()})


def _seeds(name: str, asked: Settings) -> int:
    return min(int(asked["seeds"]), SEEDS.get(name, 1_000))


def _text(folder: Path) -> dict[str, list[Observation]]:
    """The records of `refquant compare --task text`, where they lie in the folder."""
    path = folder / "records" / f"{TEXT}.json"
    if not path.exists():
        return {}
    try:
        records = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
        _readable(TEXT, records)
    except (ValueError, TypeError, AttributeError, LookupError, OSError, RecursionError) as cause:
        raise _not_as_written(path, cause, "`refquant compare --task text` makes it: text.json") from cause
    return {TEXT: records}


def _readable(name: str, records: list[Observation]) -> None:
    """Every reading of the experiment finds what it compares."""
    for reading in (r for s in sentences() for r in s.readings if (r.of or s.experiment) == name):
        outcome(reading, records, 0.0)


def _not_as_written(path: Path, cause: Exception, hint: str) -> Exception:
    return arguments.error(ValueError, "refquant claims", "a records file must be as it was written",
                           f"{str(path)!r} ({type(cause).__name__}: {cause})", hint)


def _plan(epochs: int) -> Plan:
    return Plan(methods=(), epochs=epochs)


@lru_cache(maxsize=64)
def _prepared(plan: Plan, seed: int) -> Task:
    return prepare(plan, seed)[0]


def _observe(plan: Plan, task: tuple[str, int]) -> list[Observation]:
    name, seed = task
    return EXPERIMENTS[name](_prepared(plan, seed))


def _save(folder: Path, name: str, asked: Settings, records: list[Observation]) -> Path:
    head = {"experiment": name, "about": meaning(EXPERIMENTS[name]), "version": __version__,
            "versions": versions(), "settings": asked}
    lists = (f' "{key}": [\n{lines}\n]' for key, part in zip(("networks", "records"), _packed(records), strict=True)
             for lines in [",\n".join(json.dumps(r, allow_nan=False) for r in part)])
    path = folder / "records" / f"{name}.json"
    write(path, ",\n".join([json.dumps(head, indent=1)[:-2], *lists]) + "}\n")
    return path


def _packed(records: list[Observation]) -> tuple[list[Observation], list[Observation]]:
    """Each way in which a network was made, once, and the records, each with the number of its own.

    >>> _packed([{"seed": 0, "training": "none", "accuracy": 1.0}, {"seed": 1, "training": "none", "accuracy": 0.5}])[1]
    [{'network': 0, 'seed': 0, 'accuracy': 1.0}, {'network': 0, 'seed': 1, 'accuracy': 0.5}]
    """
    networks, packed = list[Observation](), list[Observation]()
    for r in records:
        made = {key: r[key] for key in MADE if key in r}
        networks += [made] * (made != {} and made not in networks)
        packed.append({**({"network": networks.index(made)} if made else {}),
                       **{key: value for key, value in r.items() if key not in MADE}})
    return networks, packed


def unpacked(found: Mapping[str, Any]) -> list[Observation]:
    """The records of a file, each with how its network was made."""
    return [{**(found["networks"][r["network"]] if "network" in r else {}), **r} for r in found["records"]]


def _kept(folder: Path, asked: Settings, version: str = "") -> dict[str, Any]:
    """The records that are there, by experiment; all were made with these settings by this version, or are refused.

    version: the one that made them, as their page says; of none this one.
    """
    paths = {name: folder / "records" / f"{name}.json" for name in EXPERIMENTS}
    return {name: _load(path, name, asked, version or __version__) for name, path in paths.items() if path.exists()}


#: Where a record was measured; what else it holds was measured there.
PLACE = ("method", "bits", "images", "place", "side", "data", "taught_by", "effort", "qat_percent", "hidden", "format",
         "weight_bits", "activation_bits", "start")


def _whole(records: list[Observation], seeds: list[int]) -> None:
    """Every place has a record of every seed, and shares are shares."""
    places = Counter(tuple(r.get(key) for key in PLACE) for r in records)
    odd = [place for place, n in places.items() if n != len(seeds)]
    if odd or len({(r["seed"], *(r.get(key) for key in PLACE)) for r in records}) < len(records):
        raise ValueError(f"a record is missing, or there twice: {odd[0] if odd else records[0]}")
    wrong = [r for r in records if not 0 <= r.get("accuracy", 0) <= 1 or isinstance(r.get("accuracy", 0.0), bool)]
    if wrong:
        raise ValueError(f"accuracy outside 0..1: {wrong[0]}")


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _load(path: Path, name: str, asked: Settings, version: str) -> Any:
    try:
        if not path.is_file():
            raise ValueError("no regular file")
        found = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
        made = {"experiment": found["experiment"], "version": found["version"], **found["settings"]}
        records = unpacked(found)
        seeds = sorted({r["seed"] for r in records})
        "".join(itemgetter(*versions())(found["versions"]))
        _whole(records, seeds)
        _readable(name, records)
    except (ValueError, TypeError, AttributeError, ZeroDivisionError, LookupError, OSError, RecursionError) as cause:
        raise _not_as_written(path, cause, "move it away, it will be measured again") from cause
    wanted = {"experiment": name, "version": version, **asked}
    differ = [key for key in {**wanted, **made} if wanted.get(key) != made.get(key)]
    if differ or seeds != list(range(_seeds(name, asked))):
        key = differ[0] if differ else "seeds"
        raise arguments.error(ValueError, "refquant claims",
                              f"records are kept only with the same settings and version; "
                              f"{str(path)!r} has {key} {made.get(key) if differ else seeds}", f"{key} {wanted[key]}",
                              "name another folder by --out, or ask for the same again")
    return {**found, "records": records}
