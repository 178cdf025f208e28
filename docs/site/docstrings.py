"""Docstrings of this project as reStructuredText.

Napoleon takes words before a colon for a type. Types are in signatures here, and sentences have
colons: a colon before them says "no type". The lists of modules' docstrings become lists.
"""

import re
from typing import Any

from sphinx.application import Sphinx

_SECTIONS = ("Returns:", "Yields:")
_BEFORE_NAPOLEON = 400


def mark(
    _app: Sphinx, what: str, _name: str, _object: Any, _options: Any, lines: list[str]
) -> None:
    """Marks the sentences of one docstring, in place."""
    if what == "module":
        lines[:] = _as_lists(lines)
    if what in ("data", "attribute") and lines:
        lines[0] = f": {lines[0]}"
    for number, line in enumerate(lines[:-1]):
        if line.strip() in _SECTIONS:
            following = lines[number + 1]
            indent = following[: len(following) - len(following.lstrip())]
            lines[number + 1] = f"{indent}: {following.lstrip()}"


def _as_lists(lines: list[str]) -> list[str]:
    """A module's docstring with lines "name: what it is" as items, and indented ones as code."""
    found: list[str] = []
    for line in lines:
        item = re.fullmatch(r"(\w+(?:, \w+)*): (.*)", line)
        before = found[-1] if found else "The first line"
        if item and (not before or before.startswith(("* ", "  "))):
            found.append(f"* ``{item[1]}``: {item[2]}")
        elif line and not line.startswith(" ") and before.startswith(("* ", "  ")):
            found.append(f"  {line}")
        elif line.startswith("    ") and not before and not "".join(found[-2:]).startswith("    "):
            found += ["::", "", line]
        else:
            found.append(line)
    return found


def leave_out(
    app: Sphinx, what: str, name: str, found: Any, skip: bool, options: Any
) -> bool | None:
    """Leaves out the fields of named tuples, which are among the attributes of their classes."""
    return True if str(getattr(found, "__doc__", "")).startswith("Alias for field") else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Adds it to a build."""
    app.connect("autodoc-process-docstring", mark, priority=_BEFORE_NAPOLEON)
    app.connect("autodoc-skip-member", leave_out)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
