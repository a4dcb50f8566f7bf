"""People's own tensors: every way to quantize them, measured; which to ship, what it costs, what to leave alone.

In a notebook, with records and figures: `from refquant.study.inspect.report import inspect_arrays`.
"""
