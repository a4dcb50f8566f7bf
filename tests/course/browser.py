"""Read and run lessons of a site in headless Chromium: what is on screen before anything runs, and what is printed.

    python tests/course/browser.py CHROMIUM SITE 01_from_reals_to_codes.ipynb ...

The site is served on this machine alone, and nothing else is reached: with `--runtime` it must hold all that it needs.
"""

import json
import sys
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from messages import alike

LESSONS = Path(__file__).resolve().parents[2] / "notebooks"
READY = "() => window.jupyterapp?.shell.currentWidget?.context?.isReady"
RUN = """async () => {
    const widget = window.jupyterapp.shell.currentWidget;
    await widget.context.sessionContext.ready;
    await window.jupyterapp.commands.execute('notebook:run-all-cells');
    return widget.context.model.toJSON();
}"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and says nothing."""

    def log_message(self, *_: Any) -> None:
        pass


SHOWN = """() => [...document.querySelectorAll('.jp-CodeCell .cm-content')].map(
    editor => [...editor.querySelectorAll('.cm-line')].map(line => line.textContent).join('\\n'))"""


def printed(notebook: Any) -> dict[str, str]:
    """What each code cell says in words."""
    return {cell["id"]: "".join("".join(output["text"]) for output in cell["outputs"]
                                if output["output_type"] == "stream" and output["name"] == "stdout")
            for cell in notebook["cells"] if cell["cell_type"] == "code" and cell["id"] != "install"}


def run(page: Any, site: str, name: str) -> tuple[int, list[str], list[str]]:
    """How many code cells ran, which failed, and which show or say something else than is stored."""
    stored = json.loads((LESSONS / name).read_text(encoding="utf-8"))
    sources = {"".join(cell["source"]) for cell in stored["cells"]} | {"%pip install -q refquant hypothesis"}
    page.goto(f"{site}lab/index.html?path={name}")
    page.wait_for_function(READY, timeout=60_000)
    page.wait_for_selector(".jp-CodeCell .cm-line")
    shown = page.evaluate(SHOWN)
    other = [f"on screen: {text[:60]!r}" for text in shown if text and text not in sources]
    other += [] if len(set(shown) & sources) > 1 else ["nothing on screen"]
    ran = page.evaluate(RUN)
    failed = [f"{cell['id']}: {output['evalue']}" for cell in ran["cells"] for output in cell.get("outputs", [])
              if output["output_type"] == "error"]
    counted = [cell for cell in ran["cells"] if cell.get("execution_count")]
    then = printed(stored)
    other += [cell for cell, now in printed(ran).items() if not alike(now, then[cell])]
    return len(counted) - 1, failed, other


def main(chromium: str, folder: str, *names: str) -> int:
    from playwright.sync_api import sync_playwright  # the extra `browser`

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    site, refused, bad = f"http://127.0.0.1:{server.server_port}/", [], 0

    def here_alone(route: Any) -> None:
        if route.request.url.startswith((site, "data:", "blob:")):
            route.continue_()
        else:
            refused.append(route.request.url)
            route.abort()

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name in names:
            began = time.perf_counter()
            with browser.new_context() as visitor:  # a new one for each lesson: nothing stored, no other kernel
                visitor.route("**/*", here_alone)
                ran, failed, other = run(visitor.new_page(), site, name)
            bad += bool(failed or other) or not ran
            print(f"{name}: {ran} code cells in {time.perf_counter() - began:.0f} s; failed: {failed or 'none'}; "
                  f"other words than stored: {other or 'none'}", flush=True)
        browser.close()
    server.shutdown()
    print(f"asked of other machines: {refused or 'nothing'}")
    return bool(bad or refused)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
