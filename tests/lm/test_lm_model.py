import copy
import pickle
from typing import Any

import numpy as np
import pytest
from helpers import refused

from refquant import lm
from refquant.lm import model as models
from refquant.lm.training import loss_and_gradient

TINY = lm.Sizes(width=8, heads=2, context=6, layers=2)
TEXT = lm.encode("the cat sat on the mat. " * 20, " .acehmnost")


@pytest.fixture(scope="module")
def tiny() -> lm.LM:
    """A model whose gains and positions are not those of its start."""
    model = lm.init(np.random.default_rng(0), " .acehmnost", TINY)
    noise = np.random.default_rng(1).normal(0, 0.1, model.theta.shape)
    return lm.LM(symbols=model.symbols, sizes=TINY, theta=model.theta + noise)


def by_hand(model: lm.LM, codes: list[int]) -> Any:
    """The logits of one sequence, character by character, in float64: the formulas of the module's first lines."""
    a = {name: array.astype(np.float64) for name, array in model.arrays.items()}
    size = model.sizes.width // model.sizes.heads

    def norm(x: Any, gains: Any) -> Any:
        return gains * x / np.sqrt(np.mean(x * x) + 1e-5)

    x = [a["embedding"][code] + a["positions"][i] for i, code in enumerate(codes)]
    for i in range(model.sizes.layers):
        qkv = [norm(row, a[f"{i}.qkv gains"]) @ a[f"{i}.qkv"] for row in x]
        for t, row in enumerate(qkv):
            heads = []
            for head in range(model.sizes.heads):
                q, k, v = (slice(part * model.sizes.width + head * size, part * model.sizes.width + (head + 1) * size)
                           for part in range(3))
                weights = np.exp([row[q] @ seen[k] / np.sqrt(size) for seen in qkv[:t + 1]])
                heads.append(sum(w * seen[v] for w, seen in zip(weights, qkv)) / weights.sum())
            x[t] = x[t] + np.concatenate(heads) @ a[f"{i}.out"]
        x = [row + np.maximum(norm(row, a[f"{i}.up gains"]) @ a[f"{i}.up"], 0) @ a[f"{i}.down"] for row in x]
    return np.array([norm(row, a["head gains"]) @ a["head"] for row in x])


def test_forward_is_the_written_formula(tiny: lm.LM) -> None:
    codes = [3, 1, 4, 1, 5, 9]
    expected = by_hand(tiny, codes)
    np.testing.assert_allclose(lm.forward(tiny, [codes, codes[::-1]])[0], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(lm.forward(tiny, [codes[:3]])[0], expected[:3], rtol=1e-4, atol=1e-5)


def test_every_pullback_is_the_derivative(tiny: lm.LM) -> None:
    rng = np.random.default_rng(2)
    theta, rows = tiny.theta.astype(np.float64), rng.integers(0, 11, (3, 7))

    def loss(theta: Any) -> Any:
        return loss_and_gradient(tiny, theta, rows, {})

    gradient = loss(theta)[1]
    for name, a in models.named(theta, tiny).items():
        direction = np.zeros_like(theta)
        models.named(direction, tiny)[name][:] = rng.normal(size=a.shape)
        h = 1e-6
        numerical = (loss(theta + h * direction)[0] - loss(theta - h * direction)[0]) / (2 * h)
        assert gradient @ direction == pytest.approx(numerical, rel=1e-5, abs=1e-8), name


def test_a_character_does_not_see_those_after_it(tiny: lm.LM) -> None:
    codes = np.array([[1, 2, 3, 4, 5, 6], [1, 2, 3, 9, 8, 7]])
    logits = lm.forward(tiny, codes)
    np.testing.assert_allclose(logits[0, :3], logits[1, :3], rtol=1e-5)
    assert not np.allclose(logits[0, 3:], logits[1, 3:])


def test_flat_and_named_undo_each_other(tiny: lm.LM) -> None:
    np.testing.assert_array_equal(models.flat(tiny.arrays), tiny.theta)
    assert {name: a.shape for name, a in tiny.arrays.items()} == models.shapes(tiny.symbols, TINY)
    assert tiny.matrices == ("0.qkv", "0.out", "0.up", "0.down", "1.qkv", "1.out", "1.up", "1.down", "head")


def test_a_model_is_a_read_only_value(tiny: lm.LM) -> None:
    same = lm.LM(symbols=tiny.symbols, sizes=tiny.sizes, theta=tiny.theta.copy())
    other = lm.LM(symbols=tiny.symbols[::-1], sizes=tiny.sizes, theta=tiny.theta)
    assert tiny == same == copy.deepcopy(tiny) == pickle.loads(pickle.dumps(tiny)) and hash(tiny) == hash(same)
    assert tiny != other
    with pytest.raises(ValueError, match="read-only"):
        tiny.arrays["head"][0, 0] = 1


def test_training_learns_and_the_seed_decides() -> None:
    start = lm.init(np.random.default_rng(0), " .acehmnost", lm.Sizes(16, 2, 8, 1))

    def trained(seed: int) -> lm.LM:
        return lm.train(start, TEXT, rng=np.random.default_rng(seed), steps=30, batch=8, lr=0.02)

    seen: list[float] = []
    first = trained(0)
    lm.train(start, TEXT, rng=np.random.default_rng(0), steps=3, batch=8, watch=lambda _, bits: seen.append(bits))
    assert first == trained(0) and first != trained(1)
    assert lm.bits_per_character(first, TEXT) < 2 < 3 < lm.bits_per_character(start, TEXT)
    assert len(seen) == 3 and seen[0] == pytest.approx(lm.bits_per_character(start, TEXT), abs=1)


def test_bits_per_character_are_the_mean_over_predicted_characters(tiny: lm.LM) -> None:
    codes = TEXT[:20]
    logits = np.concatenate([by_hand(tiny, codes[i:i + 6].tolist()) for i in (0, 6, 12)])
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = -np.mean(np.log2(p[np.arange(18), codes[1:19]]))
    assert lm.bits_per_character(tiny, codes) == pytest.approx(expected, rel=1e-5)
    assert lm.bits_per_character(tiny, codes, batch=2) == pytest.approx(expected, rel=1e-5)


def test_generated_text_goes_on_beyond_the_context(tiny: lm.LM) -> None:
    written = lm.generate(tiny, 20, np.random.default_rng(0), "the cat sat")
    assert written.startswith("the cat sat") and len(written) == 31 and set(written) <= set(tiny.symbols)
    assert written == lm.generate(tiny, 20, np.random.default_rng(0), "the cat sat")
    assert lm.generate(tiny, 0, np.random.default_rng(0), "a") == "a"


def test_a_trained_model_writes_what_it_has_read() -> None:
    rng = np.random.default_rng(0)
    start = lm.init(rng, "abc", lm.Sizes(16, 2, 8, 1))
    model = lm.train(start, np.arange(300) % 3, rng=rng, steps=60, batch=8, lr=0.02)
    assert lm.generate(model, 9, rng, "a") == "abcabcabca"


@pytest.mark.parametrize(("sizes", "kind", "parts"), [
    ({"width": 64, "heads": 5}, ValueError, ["`heads` must divide `width`", "5", "64"]),
    ({"width": 0}, ValueError, ["`width`"]), ({"layers": -1}, ValueError, ["`layers`"]),
    ({"context": 2.0}, TypeError, ["`context`"]), ({"heads": True}, ValueError, ["`heads`"])])
def test_sizes_are_refused(sizes: Any, kind: Any, parts: Any) -> None:
    with refused(kind, "LM", *parts):
        lm.init(np.random.default_rng(0), "ab", lm.Sizes(**sizes))
    with refused(TypeError, "LM", "`sizes` must be Sizes"):
        lm.init(np.random.default_rng(0), "ab", (64, 4, 64, 2))


def test_symbols_and_theta_are_refused(tiny: lm.LM) -> None:
    for symbols in ("", "aba"):
        with refused(ValueError, "LM", "`symbols`", repr(symbols)):
            lm.init(np.random.default_rng(0), symbols, TINY)
    with refused(TypeError, "LM", "`symbols`"):
        lm.init(np.random.default_rng(0), ["a"], TINY)
    with refused(ValueError, "LM", "`theta`", f"({tiny.theta.size},)", f"({tiny.theta.size - 1},)"):
        lm.LM(symbols=tiny.symbols, sizes=TINY, theta=tiny.theta[1:])
    with refused(ValueError, "LM", "`theta`", "inf"):
        lm.LM(symbols=tiny.symbols, sizes=TINY, theta=np.full_like(tiny.theta, np.inf))
    with refused(TypeError, "init", "`rng`"):
        lm.init(0, "ab")


@pytest.mark.parametrize(("codes", "kind", "parts"), [
    ([[11]], ValueError, ["`codes`", "0 to 10", "11"]), ([[-1]], ValueError, ["-1"]), ([1, 2], ValueError, ["(2,)"]),
    (np.zeros((1, 7), int), ValueError, ["1 to 6", "(1, 7)"]), (np.zeros((0, 3), int), ValueError, ["(0, 3)"]),
    ([[0.5]], TypeError, ["`codes`", "float64"])])
def test_codes_are_refused(tiny: lm.LM, codes: Any, kind: Any, parts: Any) -> None:
    with refused(kind, "forward", *parts):
        lm.forward(tiny, codes)


@pytest.mark.parametrize(("options", "kind", "part"), [
    ({"steps": -1}, ValueError, "`steps`"), ({"batch": 0}, ValueError, "`batch`"), ({"lr": -1.0}, ValueError, "`lr`"),
    ({"lr": float("nan")}, ValueError, "`lr`"), ({"rng": 0}, TypeError, "`rng`"),
    ({"steps": 2.5}, TypeError, "`steps`"),
    ({"codes": TEXT[:6]}, ValueError, "at least 7"), ({"codes": TEXT + 20}, ValueError, "`codes`"),
    ({"model": "model"}, TypeError, "`model`")])
def test_training_refuses(tiny: lm.LM, options: Any, kind: Any, part: str) -> None:
    given = {"model": tiny, "codes": TEXT, "rng": np.random.default_rng(0), **options}
    with refused(kind, "train", part):
        lm.train(given.pop("model"), given.pop("codes"), **given)


def test_generation_refuses(tiny: lm.LM) -> None:
    rng = np.random.default_rng(0)
    for prompt, part in (("ω", "'ω'"), ("", "`codes`")):
        with refused(ValueError, part):
            lm.generate(tiny, 3, rng, prompt)
    for call in (lambda: lm.generate(tiny, 3, 0), lambda: lm.generate("model", 3, rng), lambda: lm.forward(3, [[0]]),
                 lambda: lm.bits_per_character(None, TEXT)):
        with refused(TypeError):
            call()
