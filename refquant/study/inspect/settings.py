"""What is asked of an inspection, checked: without an array, then against its shape."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ... import arguments


class Options(NamedTuple):
    """What is asked; None leaves the axis and the block to the array's shape."""

    bits: int = 8
    channel_axis: int | None = None
    block: int | None = None
    percent: float = 99.9
    skip_nonfinite: bool = False


def checked(where: str, options: Options) -> Options:
    """The options that need no array to be judged, judged."""
    bits, axis, block, percent, skip = options
    if not (isinstance(percent, int | float | np.number) and 50 < percent <= 100):
        raise arguments.error(ValueError, where, f"`{option(where, 'percent')}` must lie above 50 and at most at 100",
                              repr(percent), "99.9 leaves a thousandth of the data outside on each side")
    return Options(arguments.whole(where, bits, "bits", 2, 16),
                   None if axis is None else arguments.whole(where, axis, option(where, "channel_axis"), -64, 63),
                   None if block is None else arguments.whole(where, block, option(where, "block"), 1),
                   float(percent), skip)


def fitted(where: str, options: Options, shape: tuple[int, ...]) -> Options:
    """The options with an axis and a block that the shape has; None for those that it has not."""
    axis, block, longest = options.channel_axis, options.block, shape[-1] if shape else 0
    if axis is not None and not -len(shape) <= axis < len(shape):
        raise arguments.error(ValueError, where,
                              f"`{option(where, 'channel_axis')}` must name one of {len(shape)} axes",
                              f"{axis} for shape {shape}", "0 is the first axis, -1 the last; it keeps a scale each")
    if block is not None and block > longest:
        raise arguments.error(ValueError, where, f"`{option(where, 'block')}` must be no larger than the last axis",
                              f"{block} for shape {shape}", "blocks are cut along the last axis")
    axis = (0 if len(shape) > 1 else None) if axis is None else axis % len(shape)
    return options._replace(channel_axis=axis, block=block or (32 if longest > 32 else None))


def option(where: str, name: str) -> str:
    """The option as a command line spells it, or a call."""
    return "--" + name.replace("_", "-") if where.startswith("refquant ") else name
