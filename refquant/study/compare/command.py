"""`refquant compare`: train one network, quantize it by every method, print the table."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ... import arguments
from ...files import writable_folder
from ..aligned import fitted, listed
from ..datasets import Split
from ..jobs import clear, say
from ..options import Commands, add_runs, echo, folder_for, known, number, runs
from ..results import count

if TYPE_CHECKING:
    from ...mlp import Net
    from .tasks import Plan


def add(commands: Commands) -> None:
    from .methods import groups

    parser = commands.add_parser("compare", help="float, PTQ and QAT of one network on real data", examples=(
        "refquant compare --quick", "refquant compare --methods strong,qat-lsq --bits 4,2 --seeds 20"),
        description="Train a small network on handwritten digits, quantize it after training and train it again with "
        "quantization; print the table, write records and figures.")
    add = parser.add_argument
    add_runs(parser, seeds=10, quick=2, out="comparison")
    add("--bits", default=["8", "4", "3", "2"], nargs="+", metavar="B",
        help="widths of weights and activations, 2 to 16 (default 8 4 3 2)")
    add("--methods", nargs="+", metavar="M", help=f"which methods, or groups of them: {', '.join(groups())}; float is "
        "always there")
    add("--list-methods", action="store_true", help="say what each method does, and end")
    add("--data", metavar="DIR", help="a data set in MNIST's IDX format (default: the digits in the package)")
    add("--net", metavar="FILE", help="a float network of yours, .npz of weights_0 (n_in, n_out), biases_0 (n_out,), "
        "weights_1 and so on: quantize and fine-tune it instead of training one for each seed")
    add("--sizes", metavar="N,N,...", help="widths of input, hidden layers and logits (default: 32,32 hidden)")
    add("--calibration", default="256", metavar="N", help="training images that static ranges see (default 256)")
    add("--svg", action="store_true", help="each figure as SVG, too")
    add("--save", metavar="DIR", help="folder for seed 0's quantized networks, as .npz, compared in integers")
    add("--export", metavar="DIR", help="folder for the same networks as ONNX models, compared in ONNX Runtime; needs "
        "the extra `onnx`")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from .methods import about, groups
    from .output import save
    from .run import compare
    from .table import table

    if options.list_methods:
        echo(listed(about()), "\nGroups:", listed({name: ", ".join(methods) for name, methods in groups().items()}))
        return 0
    seeds, jobs, epochs = runs("compare", options, 10_000)
    plan = plan_of(options, epochs)
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
    bits = {number("compare", "--bits", b, 2, 16, example=8) for b in ",".join(options.bits).split(",")}
    data = idx(options.data) if options.data else digits()
    train = data.train if isinstance(data, Split) else data
    width, classes = train.x.shape[1], 1 + max(int(d.labels.max()) for d in (
        data if isinstance(data, Split) else (data,)))
    texts = options.sizes.split(",") if options.sizes else [str(width), "32", "32", str(classes)]
    if options.net is not None:
        net = own_net(options, width, classes)
        return Plan(trained_on(methods), tuple(sorted(bits, reverse=True)), data, net.sizes,
                    number("compare", "--calibration", options.calibration), epochs=epochs, net=net)
    sizes = tuple(number("compare", "--sizes", n, example=32) for n in texts)
    if len(sizes) < 2 or (sizes[0], sizes[-1]) != (width, classes):
        raise arguments.error(ValueError, "refquant compare", f"`--sizes` must begin with {width} pixels and end with "
                              f"{classes} classes, as the data", repr(options.sizes),
                              f"--sizes {width},32,32,{classes}")
    return Plan(tuple(methods), tuple(sorted(bits, reverse=True)), data, sizes,
                number("compare", "--calibration", options.calibration), epochs=epochs)


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
