"""`refquant claims`: run the experiments behind the claims, print the verdicts."""

from __future__ import annotations

import argparse

from ...files import writable_folder
from ..aligned import fitted
from ..options import Commands, add_runs, echo, folder_for, known, meaning, runs
from ..results import Written


def add(commands: Commands) -> None:
    parser = commands.add_parser("claims", help="what people say of PTQ, QAT, static and dynamic, tested", examples=(
        "refquant claims --quick", "refquant claims --only qat labels"),
        description="Run the experiments behind each claim over paired seeds; write their records, claims.json, "
        "claims.md and the page claims.html; print the verdicts. An interrupted run resumes. Most readings on text "
        "come from `refquant compare --task text`: lay its text.json in records/ and run again.")
    add = parser.add_argument
    add("--only", nargs="+", metavar="NAME", help="pick experiments, by their names or those of their claims")
    add("--list", action="store_true", help="say what each experiment does and which claims it tests, and end")
    add_runs(parser, seeds=20, quick=2, out="claims")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from . import sentences
    from .experiments import EXPERIMENTS
    from .report import to_text
    from .run import measure, publish, settings

    if options.list:
        for name, experiment in EXPERIMENTS.items():
            echo(fitted(f"{name}: {' '.join(meaning(experiment).split())}"), *(
                fitted(f"    {s.id:20} {s.says}", 25) for s in sentences()
                if name in {s.experiment, *(r.of for r in s.readings)}))
        return 0
    of_claim = {**{name: name for name in EXPERIMENTS}, **{s.id: s.experiment for s in sentences()}}
    asked = known("claims", "--only", options.only, of_claim, "--list says what each is")
    names = [name for name in EXPERIMENTS if name in {of_claim[a] for a in asked or EXPERIMENTS}]
    seeds, jobs, epochs = runs("claims", options, 1_000)
    plan = settings(seeds, epochs)
    folder = writable_folder("refquant claims", folder_for(options))
    records = measure(folder, names, plan, jobs)
    found, pages = publish(folder, plan)
    echo(fitted(to_text(found)), f"\n{Written([*pages, *records])}")
    return 0
