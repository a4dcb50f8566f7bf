import base64
import re
import shutil
import subprocess
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refquant.study.claims import sentences
from refquant.study.claims.advice import COLUMNS, SIXTH
from refquant.study.claims.checks import CHECKS
from refquant.study.claims.experiments import EXPERIMENTS
from refquant.study.claims.figures import Picture, effects
from refquant.study.claims.page import to_html
from refquant.study.claims.report import Report, effect, report
from refquant.study.claims.verdicts import METRICS, Reading
from refquant.study.claims.words import COST, CROSS, DO, SO
from refquant.study.compare.methods import all_methods
from refquant.study.plots.style import VERDICTS
from refquant.study.plots.svg import COLORS

pytestmark = pytest.mark.slow

SETTINGS = {"seeds": 3, "epochs": 12, "calibration": 256, "sizes": [64, 32, 32, 10], "training_images": 1257,
            "test_images": 540}
VERSIONS = {"refquant": "0", "NumPy": "2"}
NAMES = (*EXPERIMENTS, "text")


# ------------------------------------------------------------------------------------------------ made-up records

def places(experiment: str) -> list[dict[str, Any]]:
    """All that readings of an experiment look for, and what its table and picture need."""
    sides = [side for s in sentences() for r in s.readings if (r.of or s.experiment) == experiment for side in r.sides]
    if experiment == "data-size":
        sides += [{"method": m, "bits": bits, "images": n} for m in COLUMNS["digits"].methods for bits in (8, 4, 3, 2)
                  for n in (10, 100, 1257)]
        sides.append({"method": "float", "bits": 32})
    if experiment == "cost":
        sides += [{"method": m, "bits": bits, "effort": n} for m in COLUMNS["digits"].methods for bits in (4, 2)
                  for n in ("1/30", "1")]
    if experiment == "text":
        sides += [{"method": m, "weight_bits": bits, "activation_bits": a, "cache_bits": 32, "outliers": 1}
                  for m in (*COLUMNS["text"].methods, SIXTH) for bits, a in ((4, 4), (2, 8))]
    return [dict(place) for place in dict.fromkeys(tuple(sorted(side.items())) for side in sides)]


def made_up(experiment: str, seeds: int = 3) -> list[dict[str, Any]]:
    """Records of the experiment's form, their values drawn."""
    rng = np.random.default_rng(len(experiment))
    text = experiment.startswith("text")
    value = "bits_per_character" if text else "cross_entropy"
    return [{"seed": seed, **place, value: rng.uniform(0.1, 2), "seconds": rng.uniform(0.1, 9),
             **({"model_bytes": 4, "float_training_steps": 300} if text else {
                 "accuracy": rng.uniform(0.1, 1), "logit_sqnr_db": rng.uniform(0, 40),
                 "weight_sqnr_db": rng.uniform(10, 40)})}
            for seed in range(seeds) for place in places(experiment)]


def found(experiments: Iterable[str] = NAMES, **settings: Any) -> Report:
    asked = {**SETTINGS, **settings}
    return report(sentences(), {name: made_up(name, asked["seeds"]) for name in experiments}, asked, VERSIONS)


@pytest.fixture(scope="module")
def full() -> Report:
    return found()


@pytest.fixture(scope="module")
def page(full: Report) -> str:
    return to_html(full)


def test_the_made_up_records_fit_every_reading(full: Report) -> None:
    assert {o.n for t in full.answers for _, o in t.outcomes} == {3}
    assert [t.sentence.id for t in full.answers] == [s.id for s in sentences()]
    assert [r.id for t in full.answers for r, _ in t.outcomes] == [r.id for s in sentences() for r in s.readings]


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
    few = ("cost", "qat", "data-size")
    assert to_html(found(few)) == to_html(found(few))
    assert not re.search(r"20\d\d-\d\d-\d\d", page), "no date"


def test_the_page_answers_first(page: str) -> None:
    titles = re.findall("<h2>(.*?)</h2>", page)
    assert titles[:5] == [DO, CROSS, COST, SO, "The verdicts"]
    answers = Seen(page[page.index('<section id="answers">'):page.index('<section id="verdicts">')]).text
    assert all(check.says in answers for check in CHECKS)
    assert all(f"{task} W4A4" in answers for task in COLUMNS) and "10 images 100 images all 1,257 images" in answers


def test_every_sentence_and_reading_is_there(full: Report, page: str) -> None:
    text = Seen(page).text
    top = Seen(page[page.index('<section id="verdicts">'):page.index('<section id="how">')]).text
    for t in full.answers:
        names = dict.fromkeys(r.of or t.sentence.experiment for r, _ in t.outcomes)
        measured = " ".join(name for name in names if name != "text")
        assert t.sentence.says in text and t.sentence.text in text and t.sentence.caveat in text
        below = page[page.index(f'id="{t.sentence.id}"'):].split("</section>")[0]
        seen = Seen(f"<section {below}</section>").text
        again = seen.partition("To measure it again")[2]
        assert ("refquant compare --task text --quick" in again) == ("text" in names)
        assert f"refquant claims --only {measured} --quick --seeds 3" in again if measured else "--only" not in again
        for r, o in t.outcomes:
            where, _, what = r.says.partition(": ")
            figures = effect(r, o).replace("-", "−")
            assert where in seen and what in seen and figures in seen and o.verdict in seen and o.note in seen
            primary = t.sentence.primary(r)
            assert f"{o.agree} of {o.n} {o.q:.2g}{', primary' * primary}" in seen
            assert (figures in top) == primary and (r.says in top or not primary)


def test_every_picture_is_told_in_words_and_figures(full: Report, page: str) -> None:
    images = Seen(page).all("img")
    assert len(images) == len(full.answers) + 2 == len(pictures(page)), "two stand among the answers"
    for image in images:
        assert len(re.findall(r"\d", image["alt"])) > 3 and int(image["width"]) > 0 and int(image["height"]) > 0


def test_what_comes_in_is_escaped() -> None:
    evil = '<script>alert("1")</script>'
    reading = Reading("one", f"{evil}: {evil}", *sentences()[2].readings[0].sides)
    sentence = sentences()[2]._replace(says=evil, text=evil, caveat=evil, sources=((evil, f'"{evil}'),),
                                       readings=(reading,))
    text = to_html(report((sentence,), {"data-size": made_up("data-size")}, SETTINGS, {evil: evil}))
    assert "<script" not in text and Seen(text).text.count(evil) >= 7


def test_a_first_look_and_what_is_missing_are_said(page: str) -> None:
    assert "3 seeds instead of 20 and 12 epochs instead of 60" in page and "Not tested yet" not in page
    whole = to_html(found(["cost"], seeds=20, epochs=60))
    assert "A first look" not in whole
    note = Seen(whole).text.partition("Not tested yet:")[2].partition(COST)[0]
    assert all((s.says in note) == (s.experiment != "cost") for s in sentences())
    assert "refquant claims --only qat data-size" in note and "--quick" not in note and " cost " not in note
    assert "20 seeds instead of" not in to_html(found(["cost"], seeds=20, epochs=12))


def test_one_seed_has_no_intervals_and_none_is_made_up() -> None:
    text = Seen(to_html(found(["sides", "labels"], seeds=1))).text
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

@pytest.mark.parametrize("sentence", sentences(), ids=lambda s: s.id)
def test_every_sentence_is_drawn_from_one_seed_too(sentence: Any) -> None:
    names = {r.of or sentence.experiment for r in sentence.readings} | {sentence.experiment}
    told = report([sentence], {name: made_up(name, 1) for name in names}, SETTINGS, VERSIONS).answers[0]
    picture = effects(told.outcomes, sentence.says)
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
    for styles in (methods, VERDICTS):
        looks = {(s["color"], s["marker"], s.get("linestyle"), s.get("markerfacecolor")) for s in styles.values()}
        assert len(looks) == len(styles)
    assert len({s["label"] for s in methods.values()}) == len(methods)


def test_a_wide_picture_is_logarithmic_beyond_the_margin(full: Report) -> None:
    answer = full.answers[0]
    narrow, wide = ([(r, o._replace(effect=size, interval=(-size, size))) for r, o in answer.outcomes]
                    for size in (0.03, 3.0))
    assert effects(narrow, "t").drawn.axes[0].get_xscale() == "linear"
    axes = effects(wide, "t").drawn.axes[0]
    assert axes.get_xscale() == "symlog" and "0.01" in [t.get_text() for t in axes.get_xticklabels()]
    assert METRICS["cross_entropy"].unit in axes.get_xlabel()
