"""Text as codes: a code is a character's place among the symbols. A seed holds another tenth of the text out."""

from __future__ import annotations

import bz2
import gzip
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .. import arguments
from ..arguments import Codes


class Split(NamedTuple):
    """The symbols of a text, the codes (n,) to train and calibrate on, and the codes (m,) held out.

    >>> split("abc" * 10, seed=0, context=2).held_out
    array([0, 1, 2])
    """

    symbols: str
    train: Codes
    held_out: Codes


def alice() -> str:
    """Alice's Adventures in Wonderland: 148,480 characters, 72 symbols.

    >>> text = alice()
    >>> len(text), len(set(text)), text.split()[:4]
    (148480, 72, ["ALICE'S", 'ADVENTURES', 'IN', 'WONDERLAND'])

    Source: Lewis Carroll 1865, public domain; alice29.txt of the Canterbury corpus, see data/README.md.
    """
    return bz2.decompress((files(__package__) / "data" / "alice29.txt.bz2").read_bytes()).decode("ascii")


def read(path: str | Path) -> str:
    r"""The text of a file in UTF-8, with lines ended by \n.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "text.txt"
    ...     size = file.write_bytes("né\r\n".encode())
    ...     read(file)
    'né\n'

    Raises:
        ValueError: a file that cannot be read, or is not UTF-8.
        TypeError: something other than a path.
    """
    arguments.instance("read", path, (str, Path), "`path` must be a string or a Path", "'text.txt', say")
    try:
        return Path(path).read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except (OSError, ValueError) as cause:
        why = f"{str(path)!r} ({getattr(cause, 'strerror', None) or cause})"
        raise arguments.error(ValueError, "read", "a text must be a readable UTF-8 file", why, "try iconv") from cause


def split(text: str, seed: int, context: int = 64) -> Split:
    """Tenth number seed % 10 is held out; what stands before and after it is trained on, joined.

    Args:
        text: at least 10 * (context + 1) characters.
        seed: any whole number from 0; ten seeds in a row hold the whole text out, each character once.
        context: how many characters a model sees; a tenth must hold one more.

    The symbols are those of the whole text, sorted. A character that stands in the held-out tenth alone has a symbol
    that no training step raises, and costs many bits. There may be one in 1,000 of them (alice has 3 for seed 0, 4 for
    seed 8, otherwise none).

    >>> symbols, train, held_out = split(alice(), seed=0)
    >>> len(symbols), len(train), len(held_out), decode(train[:20], symbols)
    (72, 133632, 14848, 'emember feeling a li')

    Raises:
        ValueError: a text that is too short, or whose held-out tenth has many characters unseen in training.
        TypeError: no string, a seed that is no integer.
    """
    arguments.instance("split", text, str, "`text` must be a string", "read(path) reads a file")
    tenth = arguments.whole("split", seed, "seed", 0) % 10
    least = 10 * (arguments.whole("split", context, "context", 1) + 1)
    if len(text) < least:
        raise arguments.error(ValueError, "split", f"`text` must have at least {least} characters, ten times the "
                              "context and one more", f"{len(text)} characters", "some 100,000 are worth training on")
    symbols = "".join(sorted(set(text)))
    ends = [len(text) * (tenth + i) // 10 for i in (0, 1)]
    train, held_out = text[:ends[0]] + text[ends[1]:], text[slice(*ends)]
    unseen = "".join(sorted(set(held_out) - set(train)))
    if 1000 * sum(map(held_out.count, unseen)) > len(held_out):
        raise arguments.error(ValueError, "split", "of the held-out tenth, at most one in 1,000 may be unseen in "
                              "training", f"{arguments.shown(unseen)} in tenth {tenth}", "give a longer text")
    return Split(symbols, encode(train, symbols), encode(held_out, symbols))


def encode(text: str, symbols: str) -> Codes:
    """The place of each character among the symbols, (n,).

    >>> encode("abba", "ab ")
    array([0, 1, 1, 0])

    Raises:
        ValueError: a character that is not among the symbols: one unseen in training.
    """
    place = {symbol: code for code, symbol in enumerate(symbols)}
    try:
        return np.array([place[character] for character in text], np.intp)
    except KeyError as cause:
        raise arguments.error(ValueError, "encode", "`text` must hold no character unseen in training", f"{cause}",
                              "drop or replace it, or train on a text that has it") from cause


def decode(codes: Codes, symbols: str) -> str:
    """The characters of codes: encode undone.

    >>> decode(encode("abba", "ab "), "ab ")
    'abba'
    """
    return "".join(symbols[code] for code in codes)


def anchors(text: str) -> dict[str, float]:
    """Bits per character of compressors in the standard library, on the whole text: what a model must be compared with.

    >>> {name: round(bits, 2) for name, bits in anchors(alice()).items()}
    {'gzip': 2.88, 'bz2': 2.33}
    """
    return {f.__name__: 8 * len(f.compress(text.encode())) / len(text) for f in (gzip, bz2)}
