"""`refquant claims`: run the experiments behind the claims, print the verdicts."""
from __future__ import annotations

import argparse

from ...files import writable_folder
from ..options import Commands, add_runs, known, runs


def add(commands: Commands) -> None:
    parser = commands.add_parser("claims", allow_abbrev=False, help="what people say of PTQ, QAT, static and dynamic, "
                                 "tested", description="Run the experiments behind each claim over paired seeds; write "
                                 "their records, claims.json, claims.md and the page claims.html; print the verdicts. "
                                 "A rerun keeps the experiments that are finished.")
    add = parser.add_argument
    add("--only", nargs="+", metavar="NAME", help="only these experiments, or those of these claims")
    add("--list", action="store_true", help="say what each experiment does and which claims it tests, and end")
    add_runs(parser, seeds=20, quick=3)
    add("--out", metavar="DIR", help="folder for the files (default claims, or claims-quick)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from . import sentences
    from .experiments import EXPERIMENTS
    from .report import to_text
    from .run import measure, publish, settings

    if options.list:
        for name, experiment in EXPERIMENTS.items():
            print(f"{name}: {' '.join((experiment.__doc__ or '').split())}",
                  *(f"    {s.id:20} {s.says}" for s in sentences() if s.experiment == name), sep="\n")
        return 0
    of_claim = {**{name: name for name in EXPERIMENTS}, **{s.id: s.experiment for s in sentences()}}
    asked = known("claims", "--only", options.only, of_claim, "--list says what each is")
    names = [name for name in EXPERIMENTS if name in {of_claim[a] for a in asked or EXPERIMENTS}]
    seeds, jobs, epochs = runs("claims", options, 1_000)
    plan = settings(seeds, epochs)
    out = options.out if options.out is not None else "claims-quick" if options.quick else "claims"
    folder = writable_folder("refquant claims", out)
    written = measure(folder, names, plan, jobs)
    found, pages = publish(folder, plan)
    print(to_text(found), "\nWritten: " + ", ".join(map(str, [*written, *pages])), sep="\n", flush=True)
    return 0
