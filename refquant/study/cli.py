"""The command line: `refquant compare`, `claims`, `inspect`, `explain`, `engines`, `vectors`. Bad
input: one line, status 2."""

import argparse
import difflib
import io
import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn

from .. import __version__, _check
from .datasets import Split
from .files import writable_folder
from .jobs import terminable

if TYPE_CHECKING:
    from .methods import Plan


class _Parser(argparse.ArgumentParser):
    """argparse, its complaint in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}. Hint: {self.prog} --help.\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    parser = _Parser(prog="refquant", description="The reference for neural-network quantization, in NumPy.",
                     allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"refquant {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    _add_compare(commands)
    _add_claims(commands)
    _add_inspect(commands)
    _add_explain(commands)
    _add_engines(commands)
    _add_vectors(commands)
    options, unknown = parser.parse_known_args(argv)
    if unknown:
        commands.choices[options.command].error(f"unrecognized arguments: {' '.join(unknown)}")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without ± shows ?, and nothing is lost
    try:
        with terminable():
            return int(options.run(options))
    except (ValueError, TypeError, ImportError) as complaint:
        print(complaint, file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output left; the files are written
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (OSError, RuntimeError) as failure:  # no space left, a worker killed
        print(f"refquant {options.command}: {failure}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"refquant {options.command}: interrupted; no file is half-written.", file=sys.stderr)
        return 130


def _add_compare(commands: "argparse._SubParsersAction[_Parser]") -> None:
    parser = commands.add_parser("compare", allow_abbrev=False, help="float, PTQ and QAT of one network on real data",
                                 description="Train a small network on handwritten digits, quantize it after training "
                                 "and train it again with quantization; print the table, write records and figures.")
    add = parser.add_argument
    add("--seeds", metavar="N", help="how many seeds, 0 to N - 1 (default 10)")
    add("--bits", default=["8", "4", "3", "2"], nargs="+", metavar="B",
        help="widths of weights and activations, 2 to 16 (default 8 4 3 2)")
    add("--methods", nargs="+", metavar="M", help="which methods, or "
        "groups of them: default, rules, granularities, all; float is always there")
    add("--list-methods", action="store_true", help="say what each method does, and end")
    add("--data", metavar="DIR", help="a data set in MNIST's IDX format (default: the digits in the package)")
    add("--sizes", metavar="N,N,...", help="widths of input, hidden layers and logits (default: 32,32 hidden)")
    add("--calibration", default="256", metavar="N", help="training images that static ranges see (default 256)")
    add("--quick", action="store_true", help="2 seeds and a fifth of the epochs: a first look, not a measurement")
    add("--jobs", default=str(os.cpu_count() or 1), metavar="J",
        help="processes (default: one per core); the records do not depend on it")
    add("--out", default="comparison", metavar="DIR", help="folder for the files (default comparison)")
    add("--save", metavar="DIR", help="folder for seed 0's quantized networks, as .npz, compared in integers")
    add("--export", metavar="DIR", help="folder for the same networks as ONNX models, compared in ONNX Runtime; needs "
        "the extra `onnx`")
    parser.set_defaults(run=_compare)


def _compare(options: argparse.Namespace) -> int:
    from .compare import GROUPS, METHODS, compare, save, table

    if options.list_methods:
        print("\n".join(f"{name:27} {(make.__doc__ or '').splitlines()[0]}" for name, make in METHODS.items()))
        print("\nGroups:", *(f"{name:13} {', '.join(methods)}" for name, methods in GROUPS.items()), sep="\n")
        return 0
    seeds = _number("compare", "--seeds", _given(options.seeds, "2" if options.quick else "10"), 1, 10_000)
    jobs, plan = _number("compare", "--jobs", options.jobs), _plan(options)
    if options.export is not None:
        from ..mlp.export import onnx_package

        onnx_package("refquant compare --export")  # before hours of training
    folder = writable_folder("refquant compare", options.out)
    nets = None if options.save is None else writable_folder("refquant compare", options.save, "--save")
    models = None if options.export is None else writable_folder("refquant compare", options.export, "--export")
    records = compare(plan, seeds, jobs)
    written = save(records, plan, folder)
    print(table(records), "\nWritten: " + ", ".join(map(str, written)), sep="\n", flush=True)
    if nets is not None:
        from . import deployed

        saved = deployed.save_networks(plan, nets)
        print("", deployed.table(saved), f"\nWritten: {len(saved)} networks, in {nets}", sep="\n", flush=True)
    if models is not None:
        from . import exported

        made = exported.export_networks(plan, models)
        print("", exported.table(made), f"\nWritten: {sum(not e.refused for e in made)} models, in {models}", sep="\n",
              flush=True)
    return 0


def _plan(options: argparse.Namespace) -> "Plan":
    """What the options ask for, checked against the data."""
    from .datasets import digits, idx
    from .methods import GROUPS, METHODS, Plan

    named = _known("compare", "--methods", options.methods, {**METHODS, **GROUPS}, "--list-methods says what each does")
    methods = [method for name in named or ["default"] for method in GROUPS.get(name, (name,))]
    bits = {_number("compare", "--bits", b, 2, 16, example=8) for b in ",".join(options.bits).split(",")}
    data = idx(options.data) if options.data else digits()
    train = data.train if isinstance(data, Split) else data
    width, classes = train.x.shape[1], 1 + max(int(d.labels.max()) for d in (
        data if isinstance(data, Split) else (data,)))
    texts = options.sizes.split(",") if options.sizes else [str(width), "32", "32", str(classes)]
    sizes = tuple(_number("compare", "--sizes", n, example=32) for n in texts)
    if len(sizes) < 2 or (sizes[0], sizes[-1]) != (width, classes):
        raise _check.error(ValueError, "refquant compare", f"`--sizes` must begin with {width} pixels and end with "
                           f"{classes} classes, as the data", repr(options.sizes), f"--sizes {width},32,32,{classes}")
    return Plan(tuple(methods), tuple(sorted(bits, reverse=True)), data, sizes,
                _number("compare", "--calibration", options.calibration), epochs=12 if options.quick else 60)


def _add_claims(commands: "argparse._SubParsersAction[_Parser]") -> None:
    parser = commands.add_parser("claims", allow_abbrev=False, help="what people say of PTQ, QAT, static and dynamic, "
                                 "tested", description="Run the experiments behind each claim over paired seeds; write "
                                 "their records, claims.json, claims.md and the page claims.html; print the verdicts. "
                                 "A rerun keeps the experiments that are finished.")
    add = parser.add_argument
    add("--only", nargs="+", metavar="NAME", help="only these experiments, or those of these claims")
    add("--list", action="store_true", help="say what each experiment does and which claims it tests, and end")
    add("--seeds", metavar="N", help="how many seeds, 0 to N - 1 (default 20)")
    add("--quick", action="store_true", help="3 seeds and a fifth of the epochs: a first look, not a measurement")
    add("--jobs", default=str(os.cpu_count() or 1), metavar="J",
        help="processes (default: one per core); the records do not depend on it, but for seconds")
    add("--out", metavar="DIR", help="folder for the files (default claims, or claims-quick)")
    parser.set_defaults(run=_claims)


def _claims(options: argparse.Namespace) -> int:
    from .claims import SENTENCES
    from .claims.report import to_text
    from .claims.run import measure, publish, settings
    from .experiments import EXPERIMENTS

    if options.list:
        for name, experiment in EXPERIMENTS.items():
            print(f"{name}: {' '.join((experiment.__doc__ or '').split())}",
                  *(f"    {s.id:20} {s.says}" for s in SENTENCES if s.experiment == name), sep="\n")
        return 0
    of_claim = {**{name: name for name in EXPERIMENTS}, **{s.id: s.experiment for s in SENTENCES}}
    asked = _known("claims", "--only", options.only, of_claim, "--list says what each is")
    names = [name for name in EXPERIMENTS if name in {of_claim[a] for a in asked or EXPERIMENTS}]
    seeds = _number("claims", "--seeds", _given(options.seeds, "3" if options.quick else "20"), 1, 1_000)
    jobs, plan = _number("claims", "--jobs", options.jobs), settings(seeds, 12 if options.quick else 60)
    out = options.out if options.out is not None else "claims-quick" if options.quick else "claims"
    folder = writable_folder("refquant claims", out)
    written = measure(folder, names, plan, jobs)
    found, pages = publish(folder, plan)
    print(to_text(found), "\nWritten: " + ", ".join(map(str, [*written, *pages])), sep="\n", flush=True)
    return 0


def _add_inspect(commands: "argparse._SubParsersAction[_Parser]") -> None:
    parser = commands.add_parser("inspect", allow_abbrev=False, help="every way to quantize your own tensors, measured",
                                 description="Quantize each float array of a file in every way, print range, error and "
                                 "size, recommend one, draw histogram and error; write inspect.json.")
    add = parser.add_argument
    add("file", metavar="FILE", help=".npy, or .npz with several arrays; float16, float32 or float64")
    add("--bits", default="8", metavar="B", help="2 to 16 (default 8)")
    add("--channel-axis", metavar="A", help="the axis that keeps a scale each (default 0, of two axes or more)")
    add("--block", metavar="N", help="values along the last axis that share a scale (default 32)")
    add("--percent", default="99.9", metavar="P", help="the percentile rule's, above 50 up to 100 (default 99.9)")
    add("--skip-nonfinite", action="store_true", help="leave NaN and infinities out instead of refusing them")
    add("--out", default="inspection", metavar="DIR", help="folder for the files (default inspection)")
    parser.set_defaults(run=_inspect)


def _inspect(options: argparse.Namespace) -> int:
    from .inspect import Options
    from .inspect_files import job, run

    axis = None if options.channel_axis is None else _number("inspect", "--channel-axis", options.channel_axis, -64, 63)
    block = None if options.block is None else _number("inspect", "--block", options.block, example=32)
    try:
        percent = float(options.percent)
    except ValueError:
        percent = options.percent  # refused, as any other that is out of range
    asked = Options(_number("inspect", "--bits", options.bits, 2, 16, 8), axis, block, percent, options.skip_nonfinite)
    for text in run(job(options.file, asked), options.out):
        print(text, flush=True)
    return 0


def _add_explain(commands: "argparse._SubParsersAction[_Parser]") -> None:
    parser = commands.add_parser("explain", allow_abbrev=False, help="one value's way to its code and back",
                                 description="Print each step of x -> q = clip(round(x / scale) + zero_point, qmin, "
                                 "qmax) -> scale * (q - zero_point), exactly, with the rule it follows.")
    parser._negative_number_matcher = re.compile(r"-(\.?\d|inf|nan)", re.IGNORECASE)  # argparse: -1e30 is an option
    parser.add_argument("x", metavar="X", help="the value: 0.35, -1e30, 0x1.8p-2, inf; rounded to the dtype first")
    parser.add_argument("--scale", required=True, metavar="S", help="reals per step, positive and finite")
    parser.add_argument("--zero-point", default="0", metavar="Z", help="the code that means 0.0 (default 0)")
    parser.add_argument("--bits", default="8", metavar="B", help="2 to 32 (default 8)")
    sign = parser.add_mutually_exclusive_group()
    sign.add_argument("--signed", action="store_true", default=True, help="codes on both sides of 0 (default)")
    sign.add_argument("--unsigned", action="store_false", dest="signed", help="codes from 0 up")
    parser.add_argument("--narrow", action="store_true", help="drop the lowest signed code")
    parser.add_argument("--dtype", default="float32", metavar="T", help="float16, float32 or float64 (default float32)")
    parser.add_argument("--engine", metavar="E", help="the same value in these engines, side by side: onnxruntime, "
                        "pytorch, torchao, litert; separated by commas")
    parser.set_defaults(run=_explain)


def _explain(options: argparse.Namespace) -> int:
    from .explain import explain, parameters

    params = parameters("refquant explain", options.scale, options.zero_point, options.bits, options.signed,
                        options.narrow, options.dtype)
    if options.engine is None:
        print(explain(options.x, params, options.dtype))
        return 0
    from .journeys import ENGINES, side_by_side

    if options.dtype != "float32":
        raise _check.error(ValueError, "refquant explain", "`--engine` goes with float32, in which engines compute",
                           f"--dtype {options.dtype}", "drop --dtype")
    print(side_by_side(options.x, params, _known("explain", "--engine", [options.engine], ENGINES, "--help names all")))
    return 0


def _add_engines(commands: "argparse._SubParsersAction[_Parser]") -> None:
    parser = commands.add_parser("engines", allow_abbrev=False, help="which production engine departs from which rule, "
                                 "on which input, and why", description="Print the disagreement table, computed: for "
                                 "each question and input what the rule gives, who departs, and each one's steps. "
                                 "With --x: what every engine makes of that number.")
    parser._negative_number_matcher = re.compile(r"-(\.?\d|inf)", re.IGNORECASE)  # argparse: -1e30 is an option
    add = parser.add_argument
    add("--only", nargs="+", metavar="QUESTION", help="only these questions")
    add("--list", action="store_true", help="name the questions, and end")
    add("--markdown", action="store_true", help="print it as Markdown")
    add("--out", metavar="DIR", help="write engines.md, engines.json and the picture engines.png there")
    add("--x", metavar="X", help="your own number: 2.5, -1e30, 0x1.8p-2, inf; rounded to float32 first")
    add("--scale", metavar="S", help="with --x: reals per step (default 1)")
    add("--zero-point", metavar="Z", help="with --x: the code that means 0.0 (default 0)")
    add("--unsigned", action="store_true", help="with --x: uint8 instead of int8")
    parser.set_defaults(run=_engines)


def _engines(options: argparse.Namespace) -> int:
    from .engine_cases import QUESTIONS
    from .engines import of_case, of_text, save, table, to_markdown, to_text

    if options.list:
        print("\n".join(f"{q.name:16} {', '.join(q.rules):8} {q.asks}" for q in QUESTIONS))
        return 0
    names = _known("engines", "--only", options.only, {q.name: q for q in QUESTIONS}, "--list names them")
    idle = ("only", "markdown", "out") if options.x is not None else ("scale", "zero_point", "unsigned")
    for name in idle:
        if getattr(options, name):
            raise _check.error(ValueError, "refquant engines", f"`--{name.replace('_', '-')}` must stand "
                               f"{'without' if options.x is not None else 'with'} `--x`", repr(getattr(options, name)),
                               "--x asks all engines about one number")
    if options.x is not None:
        print(of_case(of_text(options.x, _given(options.scale, "1"), _given(options.zero_point, "0"),
                              options.unsigned)))
        return 0
    answered = table(names)
    written = [] if options.out is None else save(answered, options.out)
    print(to_markdown(answered) if options.markdown else to_text(answered))
    if written:
        print("\nWritten: " + ", ".join(map(str, written)))
    return 0


def _add_vectors(commands: "argparse._SubParsersAction[_Parser]") -> None:
    parser = commands.add_parser("vectors", allow_abbrev=False, help="test vectors for other languages, in JSON",
                                 description="Write inputs and expected results of each function at decision points, a "
                                 "schema, a README and an example checker in C.")
    parser.add_argument("--out", default="vectors", metavar="DIR", help="folder for the files (default vectors)")
    parser.set_defaults(run=_vectors)


def _vectors(options: argparse.Namespace) -> int:
    from .vectors import save

    print("Written: " + ", ".join(map(str, save(options.out))))
    return 0


def _known(command: str, option: str, given: Sequence[str] | None, names: Mapping[str, object], hint: str) -> list[str]:
    """Names, separated by spaces or commas, all known; an unknown one gets the nearest."""
    asked = ",".join(given).split(",") if given else []
    for name in asked:
        if name not in names:
            nearest = difflib.get_close_matches(name, names, 1, 0)[0]
            raise _check.error(ValueError, f"refquant {command}", f"`{option}` must take known names", repr(name),
                               f"did you mean {nearest}? refquant {command} {hint}")
    return asked


def _given(text: str | None, default: str) -> str:
    return default if text is None else text


def _number(command: str, name: str, text: str, least: int = 1, most: int | None = None,
            example: int | None = None) -> int:
    """A whole number from a command line."""
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least or (most is not None and value > most):
        span = f"at least {least}" if most is None else f"from {least} to {most}"
        raise _check.error(ValueError, f"refquant {command}", f"`{name}` must be a whole number {span}", repr(text),
                           f"{name} {example or least}, say")
    return value
