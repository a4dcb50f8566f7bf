"""The course's tools: `python notebooks/course.py students|figures|site DIR`, and `play FILE`.

students: copies to work in. figures: every picture as SVG, and slides of them. site: the course in the browser, without
installing anything. All three are for students: no solutions, no outputs, and what a cell shows stands folded below it;
`--teacher` gives outputs and solutions. `--lessons 02 05` takes some of the lessons. play: one HTML file with two toys.
"""

import argparse
import copy
import html
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from refquant import arguments
from refquant.files import writable_folder, write

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
LESSONS = {path.name.split("_")[0]: path for path in sorted(HERE.glob("[0-9][0-9]*_*.ipynb"))}
METADATA = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"}}
BELOW = " A solution stands below each exercise."  # not in a student's copy

#: What each picture shows, for a reader: lesson -> cell -> caption.
CAPTIONS: dict[str, dict[str, str]] = json.loads((HERE / "captions.json").read_text(encoding="utf-8"))

#: The Python in the browser with which the site was tested; jupyterlite's own default is an older patch of it.
PYODIDE = "https://cdn.jsdelivr.net/pyodide/v0.27.7/full/pyodide.js"
KERNEL = "@jupyterlite/pyodide-kernel-extension:kernel"
#: What the kernel and lesson 01's game would ask PyPI for; this is a hypothesis without compiled code.
PURE = ("comm==0.2.2", "hypothesis==6.150.0", "sortedcontainers==2.4.0")
INSTALL: dict[str, Any] = {"cell_type": "code", "execution_count": None, "id": "install", "metadata": {}, "outputs": [],
           "source": ["%pip install -q refquant hypothesis"]}  # from the site itself

#: Run before a lesson: every figure is an SVG too, with the same bytes each time, its text as outlines.
AS_SVG = """
import io
from matplotlib import rc_context
from matplotlib.figure import Figure

def _svg(drawn):
    text = io.StringIO()
    with rc_context({"svg.hashsalt": "refquant", "svg.fonttype": "path"}):
        drawn.savefig(text, format="svg", bbox_inches="tight", facecolor="white",
                      metadata=dict.fromkeys(("Date", "Creator")))
    return text.getvalue()

# before each cell, for %matplotlib inline forgets it
get_ipython().events.register("pre_run_cell", lambda _: get_ipython().display_formatter.formatters[
    "image/svg+xml"].for_type(Figure, _svg))
"""


def read(path: Path) -> Any:
    """The notebook as JSON."""
    return json.loads(path.read_text(encoding="utf-8"))


def words(notebook: Any) -> str:
    """All of its text."""
    return "\n".join(source(cell) for cell in notebook["cells"] if cell["cell_type"] == "markdown")


def text(notebook: Any) -> str:
    """The notebook as the lessons are stored: keys in order, an indent of one."""
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def source(cell: Any) -> str:
    """What stands in the cell."""
    return "".join(cell["source"])


#: Around what a cell showed, in a student's copy: it opens with a click, after the cell has been run.
FOLDED = "<details><summary>{}</summary>\n\n{}\n\n</details>"


#: Below the title of a student's copy, where the lesson does not say it.
HOW = "\n\nWrite each prediction in place of the three dots, then run the cell."


def student(notebook: Any) -> Any:
    """A copy without solutions and outputs, readings folded; students predict before they run."""
    first = ("Exécutez d'abord la cellule, puis ouvrez" if "**Prédisez d'abord" in words(notebook) else
             "Run the cell first, then open this")
    made = copy.deepcopy(notebook)
    made["cells"] = [cell for cell in made["cells"] if not cell["id"].startswith("solution-")
                     and cell["metadata"].get("tags") != ["solution"]]
    for cell in made["cells"]:
        shown = source(cell).replace(BELOW, "")
        if cell["id"].endswith("-read"):
            shown = FOLDED.format(first, shown)
        if cell["id"] == "title" and not re.search("three dots|trois points", shown):
            shown += HOW
        cell["source"] = shown.splitlines(keepends=True)
        if cell["cell_type"] == "code":
            cell["execution_count"], cell["outputs"] = None, []
    return made


def executed(notebook: Any, before: str = "") -> Any:
    """The notebook as a clean kernel gives it after `before`, without timestamps."""
    import nbformat
    from nbclient import NotebookClient

    made: Any = nbformat.reads(json.dumps(notebook), as_version=4)
    if before:
        made.cells.insert(0, nbformat.from_dict({**INSTALL, "id": "before", "source": before}))
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    NotebookClient(made, timeout=300, kernel_name="python3", record_timing=False, coalesce_streams=True,
                   resources={"metadata": {"path": str(ROOT)}}).execute()
    if before:
        del made.cells[0]
    made.metadata = METADATA
    return made


def copy_of(path: Path, teacher: bool) -> Any:
    """The lesson as it is stored, or a student's copy."""
    return read(path) if teacher else student(read(path))


def students(folder: Path, lessons: Sequence[Path], teacher: bool = False) -> list[Path]:
    """Write the copies, all or none; an existing file that differs is someone's work, and is not overwritten."""
    copies = {folder / path.name: text(copy_of(path, teacher)) for path in lessons}
    for path, content in copies.items():
        if path.exists() and path.read_bytes() != content.encode():
            raise arguments.error(ValueError, "course students", "a file that differs is not overwritten", str(path),
                               "name another folder, or move the file away")
    for path, content in copies.items():
        if not path.exists():
            write(path, content)
    return list(copies)


class Slide(NamedTuple):
    """A picture, where it stands, what it shows, the question before it and the reading after it."""

    lesson: Path
    cell: str
    name: str
    svg: str
    heading: str
    caption: str
    question: str = ""
    reading: str = ""


def slides(path: Path, notebook: Any) -> Iterator[Slide]:
    """The pictures of an executed lesson, in order."""
    number, cells = path.name.split("_")[0], notebook["cells"]
    heading = question = ""
    for at, cell in enumerate(cells):
        if cell["cell_type"] == "markdown":
            heading = (re.findall(r"^#+ (.+)$", source(cell), re.MULTILINE) or [heading])[-1]
            question = (re.findall(r"^\*\*(?:Predict first|Prédisez d'abord)[ :*]+(.+)$", source(cell), re.MULTILINE)
                        or [""])[-1]
            continue
        pictures = [output["data"]["image/svg+xml"] for output in cell["outputs"]
                    if "image/svg+xml" in output.get("data", {})]
        after = next((source(each) for each in cells[at + 1:] if each["cell_type"] == "markdown"), "")
        for i, svg in enumerate(pictures):
            name = f"{number}_{cell['id']}{f'-{i + 1}' if i else ''}.svg"
            yield Slide(path, cell["id"], name, "".join(svg), heading, CAPTIONS[number][cell["id"]],
                        question[:1].upper() + question[1:], after)


STYLE = """@page { size: 13.33in 7.5in; margin: 0 }
body { margin: 0; background: #fff; color: #000; font: 20px/1.4 Verdana, "DejaVu Sans", sans-serif }
section { box-sizing: border-box; height: 100vh; padding: 3vh 4vw 2vh; display: flex; flex-direction: column;
          break-after: page }
h1 { font-size: 1.4em; margin: 0 } h2 { font-size: 1.1em; margin: 0 0 1vh; font-weight: normal }
blockquote { font-size: 1.8em; margin: auto 4vw } aside { font-size: .7em; max-height: 20vh; overflow: auto }
img { flex: 1; min-height: 0; object-fit: contain } p { margin: 1vh 0 0; font-size: .9em } a { color: #000 }
@media print { section { height: 7.5in } }"""


def plain(markdown: str) -> str:
    """Markdown without its marks, for a slide."""
    return re.sub(r"\[([^\]]+)\]\([^)]*\)|[*`>]|^#+ .*$", r"\1", markdown, flags=re.MULTILINE).strip()


def page(found: Sequence[Slide], folder: Path, teacher: bool = False) -> str:
    """The slides, one to a screen and one to a printed page; a link opens the notebook at the cell, in JupyterLab.

    Before each picture stands its question; below it, for teachers, what it shows.
    """
    def section(slide: Slide) -> str:
        lesson, heading, caption = map(html.escape, (
            slide.lesson.stem.replace("_", " "), plain(slide.heading), slide.caption))
        link = html.escape(Path(os.path.relpath(slide.lesson, folder)).as_posix())
        top = f"<h1>{lesson}</h1>\n<h2>{heading}</h2>\n"
        asked = (f'<section id="{slide.name[:-4]}-question">\n{top}<blockquote>{html.escape(plain(slide.question))}'
                 "</blockquote>\n</section>\n" if slide.question else "")
        reading = f"<aside>{html.escape(plain(slide.reading))}</aside>\n" if teacher else ""
        return (f'{asked}<section id="{slide.name[:-4]}">\n{top}<img src="{slide.name}" alt="{caption}">\n'
                f'<p>{caption} <a href="{link}#cell-id={slide.cell}">{slide.lesson.name}, {slide.cell}</a></p>\n'
                f"{reading}</section>\n")

    return (f'<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n<title>refquant: the pictures of the course'
            f'</title>\n<style>\n{STYLE}\n</style>\n{"".join(map(section, found))}</html>\n')


def figures(folder: Path, lessons: Sequence[Path], teacher: bool = False) -> list[Path]:
    """Execute the lessons, write each picture, then the page of all, each picture after its question."""
    found: list[Slide] = []
    for path in lessons:
        print(f"executing {path.name}", file=sys.stderr, flush=True)
        found += slides(path, executed(copy_of(path, teacher), AS_SVG))
    for slide in found:
        write(folder / slide.name, slide.svg)
    write(folder / "figures.html", page(found, folder.resolve(), teacher))
    return [folder / "figures.html", *(folder / slide.name for slide in found)]


def ran(where: Path, *command: object) -> None:
    """Run a Python module quietly; if it fails, its last line is the error. It may leave files in the folder."""
    done = subprocess.run([sys.executable, "-m", *map(str, command)], cwd=where, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "nothing said").splitlines()
        raise arguments.error(ValueError, "course site", f"`{command[0]}` must run", said[-1],
                           "pip install -e '.[site]', with a network")


def wheels(folder: Path) -> None:
    """The package's wheel and what the lessons need besides, built outside the clone."""
    with tempfile.TemporaryDirectory() as clean:
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, clean)
        shutil.copytree(ROOT / "refquant", Path(clean, "refquant"), ignore=shutil.ignore_patterns("__pycache__"))
        ran(Path(clean), "pip", "wheel", "--disable-pip-version-check", "--no-deps", "-w", folder, clean, *PURE)


def configuration(runtime: Path | None) -> Any:
    """The site's configuration; the runtime is on the web, unless one is inside."""
    page = {"appName": "refquant, the course", "exposeAppInBrowser": True}
    if runtime is None:
        page |= {"litePluginSettings": {KERNEL: {"pyodideUrl": PYODIDE}}}
    return {"jupyter-lite-schema-version": 0, "jupyter-config-data": page}


def in_site(path: Path, teacher: bool) -> Any:
    """A lesson of the site: its first cell installs the wheel, texts are whole strings, and no link leaves the site."""
    made = copy_of(path, teacher)
    made["cells"].insert(0, copy.deepcopy(INSTALL))
    for cell in made["cells"]:
        shown = source(cell)
        if cell["cell_type"] == "markdown":
            shown = re.sub(r"\[([^\]]+)\]\(\.\./[^)]*\)", r"\1", shown)
        cell["source"] = shown  # JupyterLite joins a list with commas
        for output in cell.get("outputs", []):
            if "text" in output:
                output["text"] = "".join(output["text"])
            output["data"] = {kind: "".join(data) for kind, data in output["data"].items()} if "data" in output else {}
            if not output["data"]:
                del output["data"]
    return made


def welcome(lessons: Sequence[Path], runtime: str, launcher: str) -> str:
    """The first page of the site: the lessons, their minutes, and a plain message where Python cannot be reached.

    launcher: JupyterLite's own first page, whose configuration the other pages read.
    """
    def line(path: Path) -> str:
        title, question = (re.findall(pattern, words(read(path)), re.MULTILINE)[0]
                           for pattern in (r"^# (.+)$", r"^\*\*(.+)\*\*$"))
        minutes = re.findall(r"\d+", re.findall(r"(?:About|Environ) .*?minutes.*?[.;]", words(read(path)))[0])
        return (f'<li><a href="notebooks/index.html?path={path.name}">{html.escape(title)}</a> '
                f"<small>{' + '.join(minutes)} minutes</small><br>{html.escape(plain(question))}</li>")

    template = (HERE / "welcome.html").read_text(encoding="utf-8")
    settings = re.findall(r'<script[^>]*id="jupyter-config-data".*?</script>', launcher, re.DOTALL)[0]
    filled = {"lessons": "\n".join(map(line, lessons)), "runtime": runtime, "settings": settings}
    for name, value in filled.items():
        template = template.replace(f"{{{{{name}}}}}", value)
    return template


def site(folder: Path, lessons: Sequence[Path], teacher: bool = False, runtime: Path | None = None) -> list[Path]:
    """A JupyterLite site with students' copies, the wheel, and, if a folder is named, Pyodide itself."""
    if folder.exists() and any(folder.iterdir()):
        raise arguments.error(ValueError, "course site", "`DIR` must be new or empty", str(folder),
                              "name another folder")
    if runtime is not None and not all((runtime / name).is_file() for name in ("pyodide.js", "pyodide-lock.json")):
        raise arguments.error(ValueError, "course site", "`--runtime` must be a folder of Pyodide's distribution",
                           str(runtime), "it holds pyodide.js, pyodide-lock.json, and wheels of NumPy and others")
    with tempfile.TemporaryDirectory() as temporary:
        lite = Path(temporary, "lite")
        (lite / "lessons").mkdir(parents=True)
        for path in lessons:
            write(lite / "lessons" / path.name, text(in_site(path, teacher)))
        shutil.copy(HERE / "glossary.md", lite / "lessons")
        (lite / "jupyter-lite.json").write_text(json.dumps(configuration(runtime)), encoding="utf-8")
        if runtime is not None:
            shutil.copytree(runtime, lite / "static" / "pyodide", ignore=shutil.ignore_patterns("*.tar.bz2"))
        wheels(lite / "pypi")
        ran(lite, "jupyterlite_core", "build", "--contents", "lessons", "--output-dir", "../site", "--no-sourcemaps",
            "--apps", "lab", "--apps", "notebooks")
        first = Path(temporary, "site", "index.html")
        if not (first.parent / "api" / "contents" / "all.json").is_file():
            raise arguments.error(ValueError, "course site", "the site must list the lessons", "no list of them",
                                  "pip install -e '.[site]', which brings jupyter-server")
        python = PYODIDE if runtime is None else "static/pyodide/pyodide.js"
        write(first, welcome(lessons, python, first.read_text("utf-8")))
        folder.rmdir()
        shutil.move(Path(temporary, "site"), folder)
    return [folder / "index.html"]


def play(file: Path) -> list[Path]:
    """Write one HTML file with two toys, which look up tables that refquant computed; it needs no network."""
    from refquant.course.play import tables

    template = (HERE / "play.html").read_text(encoding="utf-8")
    write(file, template.replace("{{tables}}", json.dumps(tables(), separators=(",", ":"))))
    return [file]


def run(options: argparse.Namespace) -> list[Path]:
    """What the command writes."""
    if options.command == "play":
        file = Path(options.folder)
        if not file.name or file.is_dir():
            raise arguments.error(ValueError, "course play", "`FILE` must name a file", repr(options.folder),
                                  "course.py play play.html")
        return play(writable_folder("course play", str(file.parent), "FILE") / file.name)
    lessons = [LESSONS[name] for name in sorted(set(options.lessons))]
    folder = writable_folder("course " + options.command, options.folder, "DIR")
    if options.command == "site":
        return site(folder, lessons, options.teacher, options.runtime)
    return {"students": students, "figures": figures}[options.command](folder, lessons, options.teacher)


class _Parser(argparse.ArgumentParser):
    """argparse, its complaint in one line."""

    def error(self, message: str) -> Any:
        self.exit(2, f"{self.prog}: {message}. Hint: {self.prog} --help.\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    parser = _Parser(prog="course.py", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    for name, command in (("students", students), ("figures", figures), ("site", site), ("play", play)):
        one = commands.add_parser(name, help=(command.__doc__ or "").splitlines()[0], allow_abbrev=False)
        one.add_argument("folder", metavar="FILE" if name == "play" else "DIR", help="where to write")
        if name == "play":
            continue
        one.add_argument("--lessons", nargs="+", metavar="NN", default=list(LESSONS), choices=list(LESSONS),
                         help="only these, such as 02 05 06 07")
        one.add_argument("--teacher", action="store_true", help="with outputs, solutions and readings")
        if name == "site":
            one.add_argument("--runtime", type=Path, metavar="DIR", help="Pyodide's distribution, to put inside")
    options = parser.parse_args(argv)
    try:
        written = run(options)
    except (ValueError, OSError, ModuleNotFoundError) as complaint:
        print(complaint if str(complaint).startswith("course ") else f"course {options.command}: {complaint}",
              file=sys.stderr)
        return 2
    print(f"Written: {written[0]}" + f" and {len(written) - 1} more" * (len(written) > 1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
