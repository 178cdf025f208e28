"""What is written: code that runs, links that lead somewhere, lines that fit, pages of one form."""

import re
import shutil

import pytest
from sybil import Sybil
from sybil.document import PythonDocStringDocument
from sybil.parsers import markdown, rest

from mtcnn_jax import read_image
from tests import ROOT
from tests.clips import write_clip

PAGES = sorted(
    path for pattern in ("*.md", "docs/**/*.md", "mtcnn_jax/**/*.md") for path in ROOT.glob(pattern)
)
DECISIONS = sorted(ROOT.glob("docs/design/0*.md"))
REPORTS = sorted(ROOT.glob("docs/experiments/*.md"))
WITH_EXAMPLES = [
    path for path in sorted(ROOT.glob("mtcnn_jax/**/*.py")) if ">>> " in path.read_text()
]
WITH_PYTHON = [path for path in PAGES if "```python" in path.read_text()]

MOST_COLUMNS = 100
SECTIONS = ["Why", "Evidence", "Tried and left out", "Revisit when"]


def name(path):
    return path.relative_to(ROOT).as_posix()


def without_code(text):
    """A page without its blocks and spans of code, in which brackets are no links."""
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def links(text):
    """The targets of a page's links and pictures, inline or in lines of their own."""
    text = without_code(text)
    return re.findall(r"\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)$", text, re.MULTILINE)


def anchors(path):
    """What links to a page's headings are called."""
    headings = re.findall(r"^#+ (.*)$", without_code(path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_lines_fit(path):
    long = [line for line in path.read_text().splitlines() if len(line) > MOST_COLUMNS]
    assert not long


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_links_lead_somewhere(path):
    for inline, apart in links(path.read_text()):
        target = inline or apart
        if re.match(r"[a-z]+:", target):
            continue
        place, _, anchor = target.partition("#")
        found = (path.parent / place).resolve() if place else path
        assert found.exists(), f"{name(path)} links {target}"
        assert found.is_relative_to(ROOT)
        assert not anchor or anchor in anchors(found), f"{name(path)} links {target}"


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_commands_exist(path):
    for module in re.findall(r"python -m ((?:experiments|data)\.\w+)", path.read_text()):
        assert ROOT.joinpath(*module.split(".")).with_suffix(".py").is_file(), module


@pytest.mark.parametrize("path", DECISIONS, ids=name)
def test_a_decision_has_its_form_and_a_line_in_their_list(path):
    text = path.read_text()
    assert re.match(rf"# {path.name[:4]} \w", text)
    decision = re.search(r"^\*\*Decision\.\*\* (.*?)\n\n", text, re.MULTILINE | re.DOTALL)
    assert decision and decision[1].endswith(".")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS
    evidence = text.partition("## Evidence")[2].partition("\n## ")[0]
    rows = re.findall(r"(?:^\|.*\n)+", evidence + "\n", re.MULTILINE)
    assert all(table.count("\n") - 2 <= 6 for table in rows)
    assert f"]({path.name})" in path.with_name("README.md").read_text()


@pytest.mark.parametrize("path", REPORTS, ids=name)
def test_a_report_is_dated_and_listed(path):
    text = path.read_text()
    assert path.name[:10] in re.search(r"^\| date \| (.*) \|$", text, re.MULTILINE)[1]
    sections = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert sections == ["Command", "Results", "Conclusion"]
    assert f"](experiments/{path.name})" in ROOT.joinpath("docs/index.md").read_text()


def test_code_names_decisions_that_there_are():
    numbers = {path.name[:4] for path in DECISIONS}
    code = [*ROOT.glob("mtcnn_jax/**/*.py"), *ROOT.glob("data/**/*.py")]
    code += ROOT.glob("experiments/**/*.py")
    named = {n for path in code for n in re.findall(r"\bdecision (\d+)", path.read_text())}
    assert named and named <= numbers


def test_the_first_pages_are_short():
    most = {"README.md": 120, "WORKSPACE.md": 90}
    for page, lines in most.items():
        assert len(ROOT.joinpath(page).read_text().splitlines()) <= lines, page


@pytest.fixture
def beside_a_photo(tmp_path, monkeypatch):
    """A working folder with `photo.jpg` in it, as a reader has."""
    shutil.copy(ROOT / "docs/astronaut.jpg", tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(path, parser, **options):
    """Runs a file's examples in order; how many there were."""
    if "clip.mp4" in path.read_text():
        pytest.importorskip("av")
        write_clip("clip.mp4", [read_image("photo.jpg")] * 4, sound="aac")
    document = Sybil([parser], path=str(path.parent), **options).parse(path)
    examples = list(document.examples())
    for example in examples:
        example.evaluate()
    return len(examples)


@pytest.mark.parametrize("path", WITH_PYTHON, ids=name)
def test_the_code_of_a_page_runs(path, beside_a_photo):
    assert run(path, markdown.PythonCodeBlockParser())


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=name)
def test_the_examples_of_docstrings_say_what_comes_out(path, beside_a_photo):
    assert run(path, rest.DocTestParser(), document_types={".py": PythonDocStringDocument})


def test_there_are_examples():
    assert {name(path) for path in WITH_PYTHON} >= {"README.md", "docs/guides/detection.md"}
    assert {path.stem for path in WITH_EXAMPLES} >= {"detect", "stages", "params", "boxes", "nms"}
