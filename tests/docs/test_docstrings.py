"""Docstrings as the site's reference is given them."""

import pytest

from tests.docs import extension


@pytest.fixture(scope="module")
def docstrings():
    return extension("docstrings")


def marked(docstrings, what, text):
    lines = text.split("\n")
    docstrings.mark(None, what, "name", None, None, lines)
    return "\n".join(lines)


def test_a_sentence_with_a_colon_is_no_type(docstrings):
    text = "Does.\n\nReturns:\n    For each: [n, 5].\n    More: of it.\n\nRaises:\n    OSError: if."
    expected = text.replace("    For each", "    : For each")
    assert marked(docstrings, "function", text) == expected
    assert marked(docstrings, "data", "Pixels: of a level.") == ": Pixels: of a level."


def test_the_list_of_a_module_becomes_one(docstrings):
    text = """Networks: three.

    import it

    call(it)

In reading order:

config, faces: how to look
for faces.
detect: any picture in.

    `x`
"""
    expected = """Networks: three.

::

    import it

    call(it)

In reading order:

* ``config, faces``: how to look
  for faces.
* ``detect``: any picture in.

::

    `x`
"""
    assert marked(docstrings, "module", text) == expected
