"""What the plain command leaves out, it says in its last line. Hypothesis has four profiles: plain, the default, is
derandomized; ci doubles it; dev draws anew; deep draws thousands of examples per law.

`pytest --hypothesis-profile=deep` chooses one.
"""

import gc
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("dev", max_examples=100, deadline=None, database=None)
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True)
settings.register_profile("plain", settings.get_profile("ci"), max_examples=50)
settings.register_profile("deep", settings.get_profile("dev"), max_examples=20_000,
                          suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("plain")

left_out: Counter[str] = Counter()


def pytest_collection_finish() -> None:
    """What was collected stays to the end: the garbage collector need not look at it again, and not at all so often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Count each test once, by the first of the markers that pyproject.toml leaves out."""
    for item in items:
        markers = item.config.getini("addopts")[-1].removeprefix("not (").removesuffix(")").split(" or ")
        left_out.update([marker for marker in markers if item.get_closest_marker(marker)][:1])


def pytest_unconfigure(config: pytest.Config) -> None:
    """The last line of all: what was left out, and how to run it."""
    if left_out:
        each, markers = ", ".join(f"{marker} {n}" for marker, n in left_out.items()), " or ".join(left_out)
        said = f'Left out: {left_out.total()} tests ({each}). Run them: pytest -m "{markers}"'
        config.get_terminal_writer().line(said)
