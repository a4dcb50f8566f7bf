import numpy as np

from refquant.study.datasets import digits, split


def test_the_digits_are_complete() -> None:
    x, labels = digits()
    assert x.dtype == np.float32 and (x.min(), x.max()) == (0, 1)
    assert (x * 16 == np.rint(x * 16)).all()
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]  # as UCI's page says


def test_a_split_loses_nothing() -> None:
    data = digits()
    train, test = split(data, np.random.default_rng(3))
    assert sorted(map(bytes, np.concatenate([train.x, test.x]))) == sorted(map(bytes, data.x))
    assert (np.bincount(train.labels) + np.bincount(test.labels)).tolist() == np.bincount(data.labels).tolist()
