"""Data seen in pieces -> [lo, hi]; monoid.py says what an observer is.

Summaries of batches merge in any order, bit for bit for min-max and histograms. So any map-reduce engine calibrates.
With dask (extra `distributed`), in several processes if its scheduler has them, in five lines:

    import dask.array
    from functools import reduce
    chunks = dask.array.from_array(x, chunks=(2, 3)).to_delayed().ravel()      # any chunked array
    states = dask.compute(*[dask.delayed(rq.minmax_observer.observe)(chunk) for chunk in chunks])
    assert rq.minmax_observer.range(reduce(rq.minmax_observer.merge, states)) == rq.minmax(x)
"""

from __future__ import annotations

from .histogram import histogram_observer
from .minmax import minmax_observer
from .moments import moments_observer
from .monoid import Observer, observer
from .moving_average import moving_average_observer

__all__ = ["Observer", "observer", "minmax_observer", "histogram_observer", "moments_observer",
           "moving_average_observer"]
