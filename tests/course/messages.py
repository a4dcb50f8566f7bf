"""What the tests of the course share."""

import re

MEASURED = re.compile(r"≈ (-?\d+(?:\.\d+)?)")


def says(message: str, said: str) -> bool:
    """Whether the message contains said, and begins as said does: Right, Not answered yet, or else Not yet."""
    kind = said.partition(":")[0]
    return said in message and message.startswith(f"{kind if kind in ('Right', 'Not answered yet') else 'Not yet'}: ")


def alike(one: str, other: str) -> bool:
    """Whether two outputs say the same. A number after ≈ comes from a trained network, whose sums another processor
    may round otherwise: it may differ by 2 or by a tenth.

    >>> alike("loss ≈ 3.1 points", "loss ≈ 4 points"), alike("loss ≈ 3.1", "loss ≈ 6"), alike("loss 3.1", "loss 3.2")
    (True, False, False)
    """
    first, second = ([float(number) for number in MEASURED.findall(text)] for text in (one, other))
    return MEASURED.sub("≈", one) == MEASURED.sub("≈", other) and all(
        abs(a - b) <= 2 + abs(b) / 10 for a, b in zip(first, second, strict=True))
