import os
import subprocess
import sys
import time
from functools import partial, reduce
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import needs, refused

import refquant as rq


def test_batches_come_from_any_iterable_once() -> None:
    x = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    expected = rq.dynamic_params(x, rq.UINT8, axis=0)
    for batches in ([x], (x[:7], x[7:]), iter(np.split(x, 3)), (row[None] for row in x), [x[:0], x]):
        assert rq.static_params(batches, rq.UINT8, axis=0) == expected


def test_dynamic_per_tensor_and_per_row() -> None:
    x = np.float32([[0, 1], [0, 100]])
    assert rq.dynamic_params(x, rq.UINT8).scale.shape == ()
    assert rq.dynamic_params(x, rq.UINT8, axis=-1).scale.shape == (2, 1)
    per_row = rq.dynamic_params(x, rq.UINT8, -1)
    alone = rq.dynamic_params(x[:1], rq.UINT8, -1)
    assert per_row.scale[0] == alone.scale[0], "per row, batch mates do not matter"
    assert rq.dynamic_params(x, rq.UINT8).scale != rq.dynamic_params(x[:1], rq.UINT8).scale, "per tensor, they do"


def test_other_rules_plug_in() -> None:
    def middle(x: Any, axis: Any = None) -> Any:
        return np.quantile(x, 0.25, axis=axis, keepdims=axis is not None), np.quantile(x, 0.75, axis=axis,
                                                                                        keepdims=axis is not None)

    x = np.linspace(-1.0, 1.0, 9).reshape(1, 9)
    assert rq.dynamic_params(x, rq.INT8, -1, clip=middle, fit=rq.symmetric_params).scale == 0.5 / 127


def test_a_rule_keeps_the_reduced_axes() -> None:
    with refused(ValueError, "dynamic_params", "R12", "(3,)", "(3, 1)", "keepdims"):
        rq.dynamic_params(np.ones((3, 3)), rq.INT8, -1, clip=lambda x, axis: (x.min(axis), x.max(axis)))
    with refused(ValueError, "dynamic_params", "`axis`", "[0]"):
        rq.dynamic_params(np.ones((3, 3)), rq.INT8, [0])  # type: ignore[arg-type]


@pytest.mark.parametrize("batches", [np.zeros((4, 3)), np.float32(1), np.zeros(0), 1.0, None])
def test_a_bare_array_is_refused(batches: Any) -> None:
    with refused(TypeError, "static_params", "`batches`", type(batches).__name__, "[x]"):
        rq.static_params(batches, rq.INT8)


@pytest.mark.parametrize("batches", [[], [np.zeros((0, 3))], iter(())])
def test_no_data(batches: Any) -> None:
    with refused(ValueError, "needs data"):
        rq.static_params(batches, rq.INT8)


def test_infinite_data() -> None:
    for params in (lambda x: rq.static_params([x], rq.INT8), lambda x: rq.dynamic_params(x, rq.INT8)):
        with refused(ValueError, "R11", "inf"):
            params(np.array([1.0, np.inf]))


def test_a_list_of_arrays_is_no_array() -> None:
    x = np.ones((2, 3))
    for batches in ([x, x], (x,), [x[0], x], [1.0, x], [x, 1.0]):
        with refused(TypeError, "dynamic_params", "`x` must be one array", f"a {type(batches).__name__} of arrays",
                     "static_params", "np.stack"):
            rq.dynamic_params(batches, rq.INT8)
    for row in ([1.0, 3.0], [np.float32(1), np.float32(3)], [np.array(1.0), np.array(3.0)], [[1.0], [3.0]]):
        assert rq.dynamic_params(row, rq.UINT2).scale == 1


@pytest.mark.parametrize("clip", ["percentile", None, rq.mse_optimal, rq.percentile, rq.affine_params, np.max, 0.9])
def test_clips_are_functions_of_x_and_axis(clip: Any) -> None:
    for call in (lambda: rq.dynamic_params(np.ones(3), rq.INT8, clip=clip),
                 lambda: rq.static_params([np.ones(3)], rq.INT8, observer=rq.moving_average_observer(0.5, clip))):
        if clip is np.max:
            with refused(ValueError, "`clip` must return (lo, hi)", "got shapes () instead of [(), ()]"):
                call()
        else:
            with refused(TypeError, "`clip` must be a function (x, axis=) -> (lo, hi)",
                         "partial(rq.mse_optimal, grid=grid)"):
                call()


@pytest.mark.parametrize("fit", ["symmetric", None, rq.minmax, rq.INT8, rq.quantize])
def test_fits_are_functions_of_a_range_and_a_grid(fit: Any) -> None:
    for name, call in (("dynamic_params", lambda: rq.dynamic_params(np.ones(3), rq.INT8, fit=fit)),
                       ("static_params", lambda: rq.static_params([np.ones(3)], rq.INT8, fit=fit)),
                       ("mse_optimal", lambda: rq.mse_optimal(np.ones(3), rq.INT8, fit=fit)),
                       ("lp_optimal", lambda: rq.lp_optimal(np.ones(3), rq.INT8, fit=fit, p=3))):
        with refused(TypeError, name, "`fit` must be a function (lo, hi, grid) -> AffineParams", "rq.affine_params"):
            call()


@pytest.mark.parametrize("observer", ["minmax", None, rq.histogram_observer, rq.minmax, (1, 2, 3, 4)])
def test_observers_are_observers(observer: Any) -> None:
    with refused(TypeError, "static_params", "`observer` must be an Observer", "rq.minmax_observer"):
        rq.static_params([np.ones(3)], rq.INT8, observer=observer)


def test_a_wrong_grid_is_refused_before_the_data_are_read() -> None:
    batches = iter([np.ones(3)])
    with refused(TypeError, "static_params", "`grid`", "8"):
        rq.static_params(batches, 8)  # type: ignore[arg-type]
    assert len(list(batches)) == 1


def test_batches_of_different_widths() -> None:
    with refused(ValueError, "(1, 3)", "(1, 4)"):
        rq.static_params([np.zeros((2, 3)), np.zeros((2, 4))], rq.INT8, axis=0)
    assert rq.static_params([np.zeros((2, 3)), np.ones((2, 4))], rq.UINT8).scale == 1 / 255


OBSERVE_A_FILE = """
import resource, sys
from functools import partial
import numpy as np
import refquant as rq

x = np.load(sys.argv[1], mmap_mode="r")
observer = eval(sys.argv[2], {"rq": rq, "partial": partial})
used = int(next(line for line in open("/proc/self/status") if line.startswith("VmData")).split()[1]) * 1024
resource.setrlimit(resource.RLIMIT_DATA, (used + 50_000_000,) * 2)
try:
    np.ones(x.size // 2, np.float32)
except MemoryError:  # half of the file would not fit
    params = rq.static_params((x[i:i + 2**18] for i in range(0, len(x), 2**18)), rq.INT8, observer=observer)
    print(float(params.scale), int(params.zero_point))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA counts mapped memory on Linux alone")
@pytest.mark.parametrize("observer", ["rq.minmax_observer", "rq.moments_observer(4.0)", "rq.moving_average_observer()",
                                      "rq.histogram_observer(partial(rq.percentile, percent=100))"])
def test_a_file_larger_than_memory_calibrates(observer: str, tmp_path: Path) -> None:
    x = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float32, (40_000_000,))  # 160 MB, most of it a hole
    x[7], x[-7] = -3, 5
    x.flush()
    words = [sys.executable, "-c", OBSERVE_A_FILE, str(tmp_path / "x.npy"), observer]
    end = subprocess.run(words, capture_output=True, text=True, check=True, timeout=100)
    scale, zero_point = end.stdout.split()
    whole = "minmax" in observer or "histogram" in observer
    expected = rq.affine_params(np.float32(-3), np.float32(5), rq.INT8)
    assert (rq.AffineParams(scale=np.float32(scale), zero_point=int(zero_point), grid=rq.INT8) == expected) == whole
    assert 0 < float(scale) <= expected.scale


def test_batch_mates_matter_per_tensor_and_not_per_row() -> None:
    """The same image in two batches: a range per tensor gives it other codes and another answer, one per row never."""
    rng = np.random.default_rng(0)
    net = rq.mlp.init(rng, (8, 16, 4))
    x, mates = rng.uniform(size=(64, 8)), rng.uniform(size=(64, 8)) * 3
    for axis, same in ((-1, True), (None, False)):
        qnet = rq.mlp.ptq_dynamic(net, activation_grid=rq.UINT2, axis=axis)
        alone = np.concatenate([rq.mlp.forward_quantized(qnet, row[None]) for row in x])
        together = rq.mlp.forward_quantized(qnet, np.concatenate([x, mates]))[:64]
        assert (alone == together).all() == same
        assert (alone.argmax(axis=1) == together.argmax(axis=1)).all() == same


def test_the_difference_is_who_gives_the_range() -> None:
    x = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    for clip in (rq.minmax, partial(rq.percentile, percent=99.0), partial(rq.mse_optimal, grid=rq.INT8)):
        for axis in (None, 0, -1):
            dynamic = rq.dynamic_params(x, rq.INT8, axis, clip=clip)
            assert dynamic == rq.affine_params(*clip(x, axis=axis), rq.INT8)
            assert rq.static_params([x], rq.INT8, axis=axis, observer=rq.moving_average_observer(0.5, clip)) == dynamic


@pytest.mark.distributed
def test_dask_calibrates_in_several_processes() -> None:
    """The observers run unchanged on an existing engine; min-max parameters are bit for bit those of one process."""
    dask, array = needs("dask", "distributed"), needs("dask.array", "distributed")
    x = np.random.default_rng(0).normal(size=(1000, 8)).astype(np.float32)
    chunks = array.from_array(x, chunks=(130, 8)).to_delayed().ravel()
    for observer, exact in ((rq.minmax_observer, True),
                            (rq.histogram_observer(partial(rq.percentile, percent=99.0)), True),
                            (rq.moments_observer(4.0), False)):
        pids, states = zip(*dask.compute(*[dask.delayed(_observed)(observer, chunk) for chunk in chunks],
                                         scheduler="processes", num_workers=2), strict=True)
        assert os.getpid() not in pids and len(set(pids)) > 1
        found = rq.affine_params(*observer.range(reduce(observer.merge, states)), rq.INT8)
        expected = rq.static_params([x], rq.INT8, axis=0, observer=observer)
        assert found == expected if exact else np.allclose(found.scale, expected.scale, rtol=1e-6)


def _observed(observer: rq.Observer, x: Any) -> tuple[int, Any]:
    time.sleep(0.05)  # so that no process does all
    return os.getpid(), observer.observe(x, 0)
