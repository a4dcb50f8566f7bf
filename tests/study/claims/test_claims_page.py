import base64
import re
import shutil
import subprocess
from collections.abc import Iterable
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refquant.study.claims import sentences
from refquant.study.claims.experiments.after_training import MSE, NAIVE, STRONG
from refquant.study.claims.experiments.during_training import IN_FLOAT, LSQ, MOVING, STE, STE_MSE
from refquant.study.claims.experiments.static_dynamic import BEST, CLE, P99, PER_BATCH, PER_IMAGE
from refquant.study.claims.experiments.static_dynamic import MSE as MSE_TENSOR
from refquant.study.claims.page import to_html
from refquant.study.claims.picture import Picture
from refquant.study.claims.report import Report, effect, report
from refquant.study.claims.styles import STYLES, VARIANTS
from refquant.study.claims.verdicts import METRICS, Reading
from refquant.study.compare.methods import all_methods
from refquant.study.plots.style import VERDICTS
from refquant.study.plots.svg import COLORS

pytestmark = pytest.mark.slow

SETTINGS = {"seeds": 3, "epochs": 12, "calibration": 256, "sizes": [64, 32, 32, 10], "training_images": 1257,
            "test_images": 540}
VERSIONS = {"refquant": "0", "NumPy": "2"}


# ------------------------------------------------------------------------------------------------ made-up records

def places(*methods: str, **where: Iterable[Any]) -> list[dict[str, Any]]:
    """One for each combination."""
    return [{"method": method, **dict(zip(where, values, strict=True))}
            for method in methods for values in product(*where.values())]


FLOAT = places("float", bits=[32])
SHIFTS = ["1 times as bright", "2 times as bright", "4 times as bright", "0.25 times as bright",
          "images of different gain", "a hot pixel in 2 %", "channels 100 times larger"]
PLACES = {
    "conversion": FLOAT + places(NAIVE, MSE, STRONG, bits=range(8, 1, -1)),
    "calibration": places(NAIVE, MSE, images=[1, 2, 4, 8, 128, 1257, 0], bits=[8, 4, 3]),
    "cost": places("float", NAIVE, MSE, CLE, "ptq-static-bias-correction", STRONG, STE, STE_MSE, LSQ),
    "inference": places("float", NAIVE, PER_BATCH, PER_IMAGE),
    "qat": FLOAT + places("float-longer", bits=[32]) + places(
        NAIVE, STE, MSE, STE_MSE, LSQ, STRONG, MOVING, f"longer-{NAIVE}", f"longer-{MSE}", f"longer-{STRONG}", IN_FLOAT,
        bits=[8, 4, 3, 2]),
    "data-size": places(NAIVE, STRONG, LSQ, images=[10, 30, 100, 300, 1257], bits=[3, 2]),
    "representative": places(NAIVE, STRONG, LSQ, "float-longer", data=["all", "one digit missing", "half as bright"],
                             bits=[4, 2]),
    "labels": places(LSQ, images=[100, 1257], bits=[3, 2], taught_by=["labels", "teacher"]),
    "steps": places(STRONG, steps=[0], of_usual=["none"], bits=[3, 2]) + [
        place for steps, of_usual in zip((20, 60, 200, 600, 2000), ("1/30", "1/10", "1/3", "1", "10/3"), strict=True)
        for place in places(LSQ, steps=[steps], of_usual=[of_usual], bits=[3, 2])],
    "schedule": places(STRONG, qat_percent=[0], bits=[3, 2]) + places(LSQ, qat_percent=[10, 33, 67, 100], bits=[3, 2]),
    "optimizers": places(LSQ, optimizer=["Adam", "SGD"], bits=[4, 3, 2]),
    "definitions": places(NAIVE, PER_BATCH, PER_IMAGE),
    "dynamic": places(NAIVE, MSE_TENSOR, PER_BATCH, PER_IMAGE, bits=[8, 4, 3, 2]),
    "shifts": places("float", place=SHIFTS, bits=[32]) + places(
        NAIVE, MSE_TENSOR, P99, CLE, PER_IMAGE, BEST, place=SHIFTS, bits=[8, 4]),
    "sides": places(NAIVE, MSE, bits=[4, 3, 2], side=["weights", "activations", "both"]),
    "granularity": places(NAIVE, "ptq-static-channel", "ptq-static-block-16", bits=[4, 3, 2]),
}
FLAGS = ("network_unchanged", "loss_gradients", "labels", "one_range", "static_on_the_image_is_dynamic")


def made_up(experiment: str, seeds: int = 3) -> list[dict[str, Any]]:
    """Records of the experiment's form, their values drawn."""
    rng = np.random.default_rng(len(experiment))
    ratios = [name for name, metric in METRICS.items() if metric.is_ratio]
    return [{"seed": seed, **place, "accuracy": rng.uniform(0.1, 0.98), "cross_entropy": rng.uniform(0.1, 2),
             "logit_sqnr_db": None if place["method"] == "float" else rng.uniform(0, 40),
             "nearer_to_training_pass_db": rng.uniform(5, 20), "changed_by_batch_mates": rng.uniform(0, 0.1),
             "ranges": int(rng.integers(1, 540)), **{name: rng.uniform(1, 100) for name in ratios},
             **{name: int(rng.integers(2)) for name in FLAGS}} for seed in range(seeds) for place in PLACES[experiment]]


def found(experiments: Iterable[str] = PLACES, **settings: Any) -> Report:
    asked = {**SETTINGS, **settings}
    return report(sentences(), {name: made_up(name, asked["seeds"]) for name in experiments}, asked, VERSIONS)


@pytest.fixture(scope="module")
def full() -> Report:
    return found()


@pytest.fixture(scope="module")
def page(full: Report) -> str:
    return to_html(full)


def test_the_made_up_records_fit_every_reading(full: Report) -> None:
    unmeasured = {t.sentence.id for t in full.answers for _, o in t.outcomes if o.n != 3}
    assert unmeasured == {"static-often"}
    assert {t.sentence.id for t in full.answers} == {s.id for s in sentences()}


# ------------------------------------------------------------------------------------------------ the page

class Seen(HTMLParser):
    """Tags with their attributes, the visible text, and what was left open."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


def pictures(page: str) -> list[str]:
    return [base64.b64decode(code).decode() for code in re.findall(r"data:image/svg\+xml;base64,([\w+/=]+)", page)]


def test_it_is_well_formed_html_with_headings_in_order(page: str) -> None:
    seen = Seen(page)
    assert not seen.open and page.startswith("<!doctype html>")
    assert seen.all("html") == [{"lang": "en"}] and len(seen.all("h1")) == 1
    assert any(m.get("name") == "viewport" for m in seen.all("meta"))
    levels = [int(tag[1]) for tag, _ in seen.tags if re.fullmatch(r"h\d", tag)]
    assert all(b <= a + 1 for a, b in zip([0, *levels], levels, strict=False))
    ids = [a["id"] for _, a in seen.tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for a in seen.all("a") if a["href"].startswith("#")} <= set(ids)
    assert seen.text.count("Does it transfer?") == len(sentences()) + 1


def test_it_loads_nothing(page: str) -> None:
    seen = Seen(page)
    assert not {"script", "link", "iframe", "object", "source", "base"} & {tag for tag, _ in seen.tags}
    assert all(a["src"].startswith("data:") for _, a in seen.tags if "src" in a)
    sources = {url for s in sentences() for _, url in s.sources}
    assert {a["href"] for a in seen.all("a") if not a["href"].startswith("#")} == sources | {"records/"}
    for text in (*re.findall("<style>.*?</style>", page, re.DOTALL), *pictures(page)):
        assert "@import" not in text and set(re.findall(r"url\(([^)]?)", text)) <= {"#"}
        assert set(re.findall(r'href="(.)', text)) <= {"#"} and "//" not in re.sub(r'xmlns(:\w+)?="[^"]+"', "", text)
    assert len(page) < 2e6


def test_the_same_records_give_the_same_bytes(page: str) -> None:
    few = ("cost", "qat", "inference")
    assert to_html(found(few)) == to_html(found(few))
    assert not re.search(r"20\d\d-\d\d-\d\d", page), "no date"


def test_every_sentence_and_reading_is_there(full: Report, page: str) -> None:
    text = Seen(page).text
    for t in full.answers:
        assert f"refquant claims --only {t.sentence.experiment} --quick --seeds 3" in text
        assert t.sentence.says in text and t.sentence.text in text and t.sentence.caveat in text
        below = page[page.index(f'id="{t.sentence.id}"'):].split("</section>")[0]
        seen = Seen(f"<section {below}</section>").text
        for r, o in t.outcomes:
            where, _, what = r.says.partition(": ")
            assert where in seen and what in seen
            figures = effect(r, o).removesuffix(" points").removesuffix(" dB").replace("-", "−")
            assert figures in seen and o.verdict in seen
    top = Seen(page[page.index('<section id="verdicts">'):page.index('<section id="how">')]).text
    for t in full.answers:
        assert t.sentence.says in top
        for r, o in t.outcomes:
            shown = effect(r, o).split(" [")[0].replace("-", "−")
            assert not r.on_top or (shown in top and r.says.partition(": ")[0] in top)


def test_every_picture_is_told_in_words_and_figures(full: Report, page: str) -> None:
    images = Seen(page).all("img")
    measured = [t for t in full.answers if t.sentence.id != "static-often"]
    assert len(images) == len(measured) == len(pictures(page))
    for image, told in zip(images, sorted(measured, key=lambda t: page.index(f'id="{t.sentence.id}"')), strict=True):
        assert image["alt"].startswith(told.sentence.alt) and len(re.findall(r"\d", image["alt"])) > 3
        assert int(image["width"]) > 0 and int(image["height"]) > 0


def test_what_comes_in_is_escaped() -> None:
    evil = '<script>alert("1")</script>'
    reading = Reading("one", f"{evil}: {evil}", "accuracy", {"method": STRONG, "bits": 2, "images": 10})
    sentence = sentences()[1]._replace(says=evil, text=evil, caveat=evil, alt=evil, sources=((evil, f'"{evil}'),),
                                     readings=(reading,))
    text = to_html(report((sentence,), {"data-size": made_up("data-size")}, SETTINGS, {evil: evil}))
    assert "<script" not in text and Seen(text).text.count(evil) >= 8


def test_a_first_look_and_what_is_missing_are_said(page: str) -> None:
    assert "3 seeds instead of 20 and 12 epochs instead of 60" in page and "Not tested yet" not in page
    whole = to_html(found(["cost"], seeds=20, epochs=60))
    assert "A first look" not in whole
    note = Seen(whole).text.partition("Not tested yet:")[2].partition("The verdicts")[0]
    assert all((s.says in note) == (s.experiment != "cost") for s in sentences())
    assert "refquant claims --only conversion data-size" in note and "--quick" not in note and " cost " not in note
    assert "20 seeds instead of" not in to_html(found(["cost"], seeds=20, epochs=12))


def test_one_seed_has_no_intervals_and_none_is_made_up() -> None:
    text = Seen(to_html(found(["cost", "labels"], seeds=1))).text
    assert "[" not in text.replace("[95 % interval]", "") and "1 seed instead of 20" in text


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("chromium"), reason="needs chromium, to lay out the page as a phone does")
def test_nothing_is_wider_than_a_phone(page: str, tmp_path: Path) -> None:
    said = "let d = document.documentElement; parent.postMessage([innerWidth, d.scrollWidth - d.clientWidth], '*')"
    (tmp_path / "page.html").write_text(page.replace("</body>", f"<script>{said}</script></body>"), encoding="utf-8")
    (tmp_path / "phone.html").write_text(  # in a frame: a window is at least 500 pixels wide
        '<title></title><iframe src="page.html" width="360" height="640" style="border: 0"></iframe>'
        "<script>onmessage = e => { document.title = e.data }</script>", encoding="utf-8")
    done = subprocess.run(["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000",
                           f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom",
                           (tmp_path / "phone.html").as_uri()], capture_output=True, text=True, timeout=60)
    assert re.findall("<title>(.*?)</title>", done.stdout)[:1] == ["360,0"], done.stderr


# ------------------------------------------------------------------------------------------------ the pictures

@pytest.mark.slow
@pytest.mark.parametrize("sentence", [s for s in sentences() if s.id != "static-often"], ids=lambda s: s.id)
def test_every_sentence_is_drawn_from_one_seed_too(sentence: Any) -> None:
    told = report([sentence], {sentence.experiment: made_up(sentence.experiment, 1)}, SETTINGS, VERSIONS).answers[0]
    picture = sentence.draw(told.records, told.outcomes)
    assert isinstance(picture, Picture) and picture.alt and picture.caption


def test_pictures_follow_dark_mode_and_name_every_method(page: str) -> None:
    for drawn in pictures(page):
        assert "prefers-color-scheme:dark" in drawn
        for light, _ in COLORS.values():
            assert light.lower() not in re.sub("<style>.*?</style>", "", drawn).lower(), "dark mode leaves it"
        texts = re.findall(r"<text[^>]*>([^<]*)</text>", drawn)
        assert texts and not any(text.startswith(("ptq-", "qat-", "longer-")) for text in texts)


def test_styles_can_be_told_apart() -> None:
    methods = {name: method.style for name, method in all_methods().items()}
    for styles in ({**methods, **STYLES}, VERDICTS):
        looks = {(s["color"], s["marker"], s.get("linestyle"), s.get("markerfacecolor")) for s in styles.values()}
        assert len(looks) == len(styles)
    every = {**methods, **STYLES, **VARIANTS}
    assert len({s["label"] for s in every.values()}) == len(every) == len(methods) + len(STYLES) + len(VARIANTS)


def test_zero_stands_apart_on_a_log_scale_and_has_no_mark() -> None:
    from refquant.study.claims.figures import bars, lines

    records = [{"seed": 0, "method": NAIVE, "images": n, "accuracy": 0.9, "seconds": 0.0} for n in (0, 1, 100)]
    picture = lines(records, (), x="images", xlabel="images", title="t", log_x=True, zero="noise")
    axes = picture.drawn.axes[0]
    ticks = dict(zip([t.get_text() for t in axes.get_xticklabels()], axes.get_xticks(), strict=True))
    assert ticks["noise"] < ticks["1"] < ticks["100"] == 2 and "90.0 (noise)" in picture.alt
    assert all(0 < np.size(line.get_xdata()) <= 2 for line in axes.lines[:2])
    drawn = bars([*records, {"seed": 0, "method": MSE, "seconds": 0.01}], (), value="seconds", title="t", log_x=True)
    assert "static, min-max 0;" in drawn.alt and len(drawn.drawn.axes[0].lines) == 1
