"""quantize to small floats, checks and division included, beside the casts alone of ml_dtypes and torch; MXFP4 with
packing beside torchao's to_mx."""

from typing import Any

from measure import Row, Run, compared

import numpy as np

import refquant as rq

CASTS = {rq.E4M3: "float8_e4m3fn", rq.E2M1: "float4_e2m1fn"}


def casts(x: np.ndarray, grid: rq.FloatGrid) -> dict[str, Run]:
    """What others make of x, without a scale; torch has no cast to four bits."""
    import ml_dtypes
    import torch

    torch.set_num_threads(1)
    kind, name, tensor = getattr(ml_dtypes, CASTS[grid]), CASTS[grid], torch.from_numpy(x)
    found: dict[str, Run] = {f"ml_dtypes' cast, {name}": lambda: x.astype(kind)}
    if grid is rq.E4M3:
        found[f"torch's cast, {name}"] = lambda: tensor.to(getattr(torch, name))
    return found


def rows(sizes: tuple[int, ...] = (4_000_000, 16_000_000), rounds: int = 25) -> list[Row]:
    found = []
    for n in sizes:
        x = np.random.default_rng(0).standard_normal(n, np.float32)
        for grid in CASTS:
            params = rq.symmetric_params(*rq.minmax(x), grid)
            q, peers = rq.quantize(x, params), casts(x, grid)
            assert np.array_equal(q, next(iter(casts(x / params.scale, grid).values()))().view(np.uint8))
            assert np.array_equal(q, rq.in_chunks(rq.quantize, x, params))
            aims = {name: 4.0 if name.startswith("ml_dtypes") else None for name in peers}
            found += compared(f"quantize in chunks to {grid}, {n:,} float32",
                              lambda x=x, params=params: rq.in_chunks(rq.quantize, x, params),
                              {name: (run, aims[name]) for name, run in peers.items()}, rounds)
            if n == sizes[0]:
                found += compared(f"quantize to {grid}, {n:,} float32",
                                  lambda x=x, params=params: rq.quantize(x, params),
                                  {name: (run, aims[name] and 2.0) for name, run in peers.items()}, rounds)
    return found


def mxfp4(x: np.ndarray) -> tuple[Any, Any]:
    """(scales as powers of two, packed codes) in blocks of 32."""
    blocks = rq.split_blocks(x, 32)
    params = rq.dynamic_params(blocks, rq.E2M1, axis=-1, fit=rq.mx_params)
    return params.scale, rq.pack(rq.quantize(blocks, params), rq.E2M1)


def mx_rows(n: int = 16_000_000, rounds: int = 7) -> list[Row]:
    import torch
    from torchao.prototype.mx_formats.mx_tensor import ScaleCalculationMode, to_mx

    torch.set_num_threads(1)
    x = np.random.default_rng(0).standard_normal(n, np.float32)
    tensor = torch.from_numpy(x)

    def torchao() -> tuple[Any, Any]:
        return to_mx(tensor, torch.float4_e2m1fn_x2, 32, ScaleCalculationMode.FLOOR)

    (scale, packed), (their_scale, their_packed) = mxfp4(x), torchao()
    assert np.array_equal(rq.E8M0.encode(scale).ravel(), their_scale.view(torch.uint8).numpy().ravel())
    assert np.array_equal(packed, their_packed.view(torch.uint8).numpy().ravel())
    return compared(f"MXFP4 with packing, {n:,} float32", lambda: mxfp4(x), {"torchao's to_mx": (torchao, 2.0)}, rounds)
