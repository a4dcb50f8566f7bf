import pytest

from refquant.study.stats import estimate, t_quantile


@pytest.mark.parametrize(("df", "t"), [(1, 12.7062), (2, 4.3027), (3, 3.1824), (4, 2.7764), (9, 2.2622), (10, 2.2281),
                                       (19, 2.0930), (20, 2.0860), (30, 2.0423), (120, 1.9799)])
def test_published_quantiles(df: int, t: float) -> None:
    """Student's t, 97.5 %: any printed table, for example NIST/SEMATECH e-Handbook, 1.3.6.7.2."""
    assert t_quantile(df) == pytest.approx(t, abs=5e-5)


def test_one_run_has_no_interval() -> None:
    assert estimate([2.0]) == (2.0, None, 1)
    assert estimate([2.0, 2.0]) == (2.0, 0.0, 2)
