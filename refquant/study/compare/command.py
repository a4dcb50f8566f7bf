"""`refquant compare`: train one network, quantize it by every method, print the table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from ... import arguments
from ...files import writable_folder
from ..aligned import fitted, listed
from ..datasets import Split
from ..formats import grid_named
from ..jobs import clear, say
from ..options import Commands, add_runs, echo, folder_for, given, known, number, runs
from ..results import count

if TYPE_CHECKING:
    from ...grids import Grid
    from ...mlp import Net
    from .tasks import Plan


def add(commands: Commands) -> None:
    from .methods import groups

    parser = commands.add_parser("compare", help="float, PTQ and QAT of one network on real data", examples=(
        "refquant compare --quick --methods pairs --grids E4M3,E2M1", "refquant compare --task text --quick"),
        description="Train a small network on handwritten digits (or a language model on a text), quantize it after "
        "training and train it again with quantization; print the table, write records and figures.")
    add = parser.add_argument
    add_runs(parser, seeds=10, quick=2, out="comparison")
    _add_text(add)
    add("--bits", nargs="+", metavar="B", help="widths of weights and activations, 2 to 16 (default 8 4 3 2, or none "
        "with --grids)")
    add("--grids", nargs="+", metavar="G", help="grids for both weights and activations: E4M3, E2M1, NF4 and so on")
    add("--formats", action="store_true", help="train nothing: the error of each number format on four kinds of data, "
        "with its bits per value (folder formats)")
    add("--outliers", action="store_true", help="train nothing: one layer whose two outlier channels are up to 1,000 "
        "times as large; static, per row, SmoothQuant, rotation (folder outliers)")
    add("--methods", nargs="+", metavar="M", help=f"which methods, or groups of them: {', '.join(groups())}; float is "
        "always there")
    add("--list-methods", action="store_true", help="say what each method does, and end")
    add("--data", metavar="DIR", help="a data set in MNIST's IDX format (default: the digits in the package)")
    add("--net", metavar="FILE", help="a float network of yours, .npz of weights_0 (n_in, n_out), biases_0 (n_out,), "
        "weights_1 and so on: quantize and fine-tune it instead of training one for each seed")
    add("--sizes", metavar="N,N,...", help="widths of input, hidden layers and logits (default: 32,32 hidden)")
    add("--calibration", metavar="N", help="training images that static ranges see (default 256)")
    add("--svg", action="store_true", help="each figure as SVG, too")
    add("--save", metavar="DIR", help="folder for seed 0's quantized networks, as .npz, compared in integers")
    add("--export", metavar="DIR", help="folder for the same networks as ONNX models, compared in ONNX Runtime; needs "
        "the extra `onnx`")
    parser.set_defaults(run=run)


def _add_text(add: Callable[..., object]) -> None:
    """The options of the language model."""
    add("--task", metavar="T", help="what the network does: digits, reading them (default), or text, "
        "predicting the next character with a small language model (folder comparison-text)")
    add("--text", metavar="FILE", help="with --task text: a text of yours, UTF-8 (default: the one in the package)")
    add("--generate", metavar="N", help="with --task text: print N characters that each model of seed 0 writes")


def run(options: argparse.Namespace) -> int:
    """Whichever comparison is asked for."""
    task, = known("compare", "--task", [given(options.task, "digits")], {"digits": 0, "text": 0}, "--help says what "
                  "they are")
    if task == "text":
        from .text import command

        return command.run(options)
    if options.text or options.generate:
        raise arguments.error(ValueError, "refquant compare", "`--text` and `--generate` must stand with --task text",
                              "the task of reading digits", "add --task text")
    if options.list_methods:
        from .methods import about, groups

        echo(listed(about()), "\nGroups:", listed({name: ", ".join(methods) for name, methods in groups().items()}))
        return 0
    alone = next((name for name in ALONE if getattr(options, name)), None)
    return _alone(options, alone) if alone else _digits(options)


def _digits(options: argparse.Namespace) -> int:
    """The network that reads digits, by every method."""
    from .methods import all_methods, takes
    from .output import save
    from .run import compare
    from .table import table

    seeds, jobs, epochs = runs("compare", options, 10_000)
    plan = plan_of(options, epochs)
    if out := [name for name in plan.methods for grid in plan.grids if not takes(all_methods()[name], grid)]:
        print(f"refquant compare: {', '.join(dict.fromkeys(out))} left out on floats and codebooks: equal steps are "
              "needed.", file=sys.stderr)
    if options.export is not None:
        from ...mlp.export import onnx_package

        onnx_package("refquant compare --export")  # before hours of training
    folder = _folder(options)
    more = {name: writable_folder("refquant compare", getattr(options, name), f"--{name}") for name in AFTER
            if getattr(options, name) is not None}
    records = compare(plan, seeds, jobs)
    written = save(records, plan, folder, options.svg)
    echo(fitted(table(records, plan.net is not None)), f"\n{written}")
    for name, path in more.items():
        say(f"{name}: seed 0 once more, for its networks")
        report = AFTER[name](plan, path)
        clear()
        echo("", *report)
    return 0


#: Option that trains nothing -> the module that measures, shows and saves.
ALONE = {"formats": "format_errors", "outliers": "outlier_errors"}


def _alone(options: argparse.Namespace, name: str) -> int:
    """What stands in the place of a comparison of networks."""
    study = import_module(f".{ALONE[name]}", __package__)
    apart = ("command", "run", "default_seeds", "default_out", "task", name, "list_methods", "out", "svg")
    if more := [f"--{other}" for other, value in vars(options).items() if value and other not in apart]:
        raise arguments.error(ValueError, "refquant compare", f"`--{name}` must stand alone, or with --out and --svg",
                              " ".join(more), "it trains no network, and takes its own data and seeds")
    folder = writable_folder("refquant compare", given(options.out, name))
    records = study.compare()
    written = study.save(records, folder, options.svg)
    echo(fitted(study.table(records)), f"\n{written}")
    return 0


def _folder(options: argparse.Namespace) -> Path:
    """The folder of the results; says so if it holds those of another run."""
    folder = writable_folder("refquant compare", folder_for(options))
    if (folder / "comparison.json").exists():
        print(f"refquant compare: {folder} holds the results of another run; this one will replace them when it ends.",
              file=sys.stderr)
    return folder


def _save_networks(plan: Plan, folder: Path) -> tuple[str, str]:
    from . import deployed

    saved = deployed.save_networks(plan, folder)
    return deployed.table(saved), f"\nWritten: {count(len(saved), 'network')}, in {folder}"


def _export_networks(plan: Plan, folder: Path) -> tuple[str, str]:
    from . import exported

    made = exported.export_networks(plan, folder)
    models = sum(not each.refused for each in made)
    return exported.table(made), f"\nWritten: {count(models, 'model')}, in {folder}"


#: Option -> what it does when the comparison is done; the table and what was written.
AFTER = {"save": _save_networks, "export": _export_networks}


def plan_of(options: argparse.Namespace, epochs: int) -> Plan:
    """What the options ask for, checked against the data."""
    from ..datasets import digits, idx
    from .methods import all_methods, groups
    from .tasks import Plan

    named = known("compare", "--methods", options.methods, {**all_methods(), **groups()},
                  "--list-methods says what each does")
    methods = [method for name in named or ["default"] for method in groups().get(name, (name,))]
    grids = named_grids(options.grids)
    words = options.bits or ([] if grids else ["8", "4", "3", "2"])
    bits = {number("compare", "--bits", b, 2, 16, example=8) for b in ",".join(words).split(",") if words}
    calibration = number("compare", "--calibration", given(options.calibration, "256"))
    data = idx(options.data) if options.data else digits()
    train = data.train if isinstance(data, Split) else data
    width, classes = train.x.shape[1], 1 + max(int(d.labels.max()) for d in (
        data if isinstance(data, Split) else (data,)))
    texts = options.sizes.split(",") if options.sizes else [str(width), "32", "32", str(classes)]
    plan = Plan(tuple(methods), tuple(sorted(bits, reverse=True)), data, (), calibration, epochs, grids=grids)
    if options.net is not None:
        net = own_net(options, width, classes)
        return plan._replace(methods=trained_on(methods), sizes=net.sizes, net=net)
    sizes = tuple(number("compare", "--sizes", n, example=32) for n in texts)
    if len(sizes) < 2 or (sizes[0], sizes[-1]) != (width, classes):
        raise arguments.error(ValueError, "refquant compare", f"`--sizes` must begin with {width} pixels and end with "
                              f"{classes} classes, as the data", repr(options.sizes),
                              f"--sizes {width},32,32,{classes}")
    return plan._replace(sizes=sizes)


def named_grids(words: list[str] | None) -> tuple[Grid, ...]:
    """The grids of --grids, which weights and activations can be on."""
    found = tuple(dict.fromkeys(grid_named("refquant compare", name) for name in ",".join(words or ()).split(",")
                                if words))
    for grid in found:
        if grid.bits > 16 or not grid.qmin < 0 < grid.qmax:
            raise arguments.error(ValueError, "refquant compare", "`--grids` must take grids of at most 16 bits, with "
                                  "values on both sides of 0, for weights have signs", grid, "--grids E4M3,E2M1, say")
    return found


def own_net(options: argparse.Namespace, width: int, classes: int) -> Net:
    """The network of --net, which must fit the data."""
    from .network import read_net

    net = read_net(options.net)
    if options.sizes or net.sizes[0] != width or net.sizes[-1] < classes:
        raise arguments.error(ValueError, "refquant compare", f"`--net` must take {width} pixels and give {classes} "
                              "classes, as the data, and stand without `--sizes`", f"sizes {net.sizes}",
                              "--data DIR names the data that the network was made for")
    return net


def trained_on(methods: list[str]) -> tuple[str, ...]:
    """The methods that start from a trained network; the others are named."""
    from .methods import all_methods

    scratch = [name for name in methods if "from scratch" in all_methods()[name].recipe.training]
    if scratch:
        print(f"refquant compare: {', '.join(scratch)} left out: it trains a network from scratch, not that of --net.",
              file=sys.stderr)
    return tuple(name for name in methods if name not in scratch)
