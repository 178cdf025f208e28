"""Docstrings of this project for napoleon, which takes words before a colon for a type.

Types are in signatures here, and sentences have colons: a colon before them says "no type".
"""

from typing import Any

from sphinx.application import Sphinx

_SECTIONS = ("Returns:", "Yields:")
_BEFORE_NAPOLEON = 400


def mark(
    _app: Sphinx, what: str, _name: str, _object: Any, _options: Any, lines: list[str]
) -> None:
    """Marks the sentences of one docstring, in place."""
    if what in ("data", "attribute") and lines:
        lines[0] = f": {lines[0]}"
    for number, line in enumerate(lines[:-1]):
        if line.strip() in _SECTIONS:
            following = lines[number + 1]
            indent = following[: len(following) - len(following.lstrip())]
            lines[number + 1] = f"{indent}: {following.lstrip()}"


def setup(app: Sphinx) -> dict[str, bool]:
    """Adds it to a build."""
    app.connect("autodoc-process-docstring", mark, priority=_BEFORE_NAPOLEON)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
