"""Figures can be shown on a slide: 16:9, and at 1080 lines no text lower than 14 pixels."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from refquant import E4M3, NF4
from refquant.study.compare.format_figures import sqnr_against_bits, steps_of_grids, values_of_grids
from refquant.study.compare.methods import groups, networks
from refquant.study.compare.output import FIGURES
from refquant.study.compare.run import run_seed
from refquant.study.compare.tasks import Finished, Plan, prepare
from refquant.study.engines.figures import engines_around_ties
from refquant.study.engines.table import staircases
from refquant.study.formats import FORMATS
from refquant.study.inspect.report import inspect_arrays
from refquant.study.plots.style import png, slide
from refquant.study.records import summarize

pytestmark = pytest.mark.slow

X = np.random.default_rng(0).normal(size=(8, 40)).astype(np.float32)
OUTLIER = np.where(np.arange(320).reshape(8, 40) == 7, np.float32(900), X)


def figures() -> Iterator[Any]:
    """What compare, inspect and engines draw."""
    for widths in ({"bits": (8, 2)}, {"bits": (), "grids": (E4M3, NF4)}):
        plan = Plan(methods=groups()["default"], epochs=2, **widths)
        task, base = prepare(plan, 0)
        seen = Finished(summarize(run_seed(plan, 0)), task, [base, *networks(task)])
        yield from (draw(seen) for draw in FIGURES.values())
    crowd = {name: 16.0 + f.grid.bits / 4 for name, f in FORMATS.items()}
    yield sqnr_against_bits(dict.fromkeys("abcd", crowd), {name: f.grid.bits + 0.2 for name, f in FORMATS.items()})
    yield from (values_of_grids(), steps_of_grids())
    for x, bits in ((X, [8, 4, 3]), (OUTLIER, [2]), (np.zeros(3), [8])):
        yield from inspect_arrays({"features.0.weight": x}, bits=bits).figures.values()
    yield engines_around_ties(staircases())


def lowest(drawn: Any) -> float:
    """The size of the smallest text, in pixels of a picture of 1080 lines; exponents are 0.7 of their numbers."""
    from matplotlib.text import Text

    drawn.draw_without_rendering()
    shown = [text for text in drawn.findobj(Text) if text.get_visible() and text.get_text().strip()]
    sizes = [text.get_fontsize() * (0.7 if "^{" in text.get_text() else 1) for text in shown]
    return min(sizes) / 72 * 1080 / drawn.get_size_inches()[1]


@pytest.mark.parametrize("drawn", [*figures()], ids=lambda drawn: str(drawn.get_suptitle())[:30])
def test_a_figure_can_be_shown_on_a_slide(drawn: Any) -> None:
    width, height = (int.from_bytes(png(drawn)[at:at + 4]) for at in (16, 20))
    assert abs(width * 9 - height * 16) < 16 and width <= 1920, "16:9, to the pixel"
    assert lowest(drawn) >= 14
    box, (right, top) = drawn.get_tightbbox(), drawn.get_size_inches()
    assert min(box.x0, box.y0, right - box.x1, top - box.y1) > -0.02, "all of it is in the picture"


def test_small_text_is_found() -> None:
    drawn, axes = slide(9)
    axes.annotate("small", (0.5, 0.5), fontsize=6)
    assert lowest(drawn) == pytest.approx(10)
