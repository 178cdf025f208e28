"""The extensions of the site's builder, which lie beside its settings and in no package."""

import importlib.util

import pytest

from tests import ROOT


def extension(name):
    """One of them as a module; the test skips where there is no Sphinx."""
    pytest.importorskip("sphinx")
    spec = importlib.util.spec_from_file_location(name, ROOT / f"docs/site/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
