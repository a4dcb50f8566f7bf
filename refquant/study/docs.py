"""What a function's docstring says, under python -OO too."""
from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any


def docstring(function: Callable[..., Any]) -> str:
    """The docstring, from the source where python -OO dropped it; the function's name where there is neither.

    >>> docstring(docstring).split(",")[0]
    'The docstring'
    """
    if function.__doc__ is not None:
        return function.__doc__
    try:
        module = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError):  # a lambda of the prompt, an object without source
        module = ast.Module([], [])
    found = [ast.get_docstring(node, clean=False) for node in module.body if isinstance(node, ast.FunctionDef)]
    return found[0] if found and found[0] else function.__name__
