"""How Sphinx makes the site: `make docs`. The pages are those that GitHub shows, where they lie.

The source folder is the project's, so that links between pages, and to files of code, mean the
same here and there; `index.md` beside this file is the first page and orders the rest.
"""

import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "docs/site")]
# Of the notebooks, which run in processes of their own.
os.environ["PYTHONPATH"] = str(ROOT)
os.environ.setdefault("JAX_PLATFORMS", "cpu")
CACHE = ROOT / "docs/_build/compiled"  # They share what they compile.
CACHE.mkdir(mode=0o700, parents=True, exist_ok=True)
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(CACHE))

import mtcnn_jax  # noqa: E402

project = "mtcnn_jax"
author = "The mtcnn_jax authors"
project_copyright = "The mtcnn_jax authors, MIT licence"
version = release = mtcnn_jax.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "diagrams",
    "docstrings",
    "sources",
]
root_doc = "docs/site/index"
include_patterns = [
    "*.md",
    "docs/*.md",
    "docs/**/*.md",
    "docs/notebooks/*.py",
    "docs/site/**/*.rst",
    "mtcnn_jax/**/*.md",
]
exclude_patterns = ["docs/_build", ".*", "tests", "build", "demo", "runs", "**/__pycache__"]

# Pages, in the Markdown of GitHub; an anchor is what GitHub calls it.
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
myst_links_external_new_tab = False

# Notebooks are Python files that ruff checks too; one that fails, or that warns, ends the build.
nb_custom_formats = {".py": ["jupytext.reads", {"fmt": "py:percent"}]}
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_output_stderr = "remove-warn"
nb_merge_streams = True

# The reference. What stands in `backticks` is a link where it names something, else code.
default_role = "py:obj"
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
python_maximum_signature_line_length = 80
nitpicky = True
nitpick_ignore_regex = [
    ("py:obj", "(?s).*"),
    # Of other packages, whose references are elsewhere.
    (
        "py:.*",
        r"(jax|jnp|np|numpy|PIL|optax|flax|collections|typing|os|pathlib|pandas|fractions)\b.*",
    ),
    # Names of types within modules: optax's, and a protocol of what can be drawn.
    ("py:class", r"ArrayTree|mtcnn_jax\.draw\.Found"),
]

html_theme = "furo"
html_title = f"mtcnn_jax {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
templates_path = ["_templates"]
html_additional_pages = {"index": "redirect.html"}
html_copy_source = False
html_show_sphinx = False
pygments_style = "friendly"
pygments_dark_style = "monokai"
