"""Diagrams drawn from their arrows: every arrow leads down, and nothing lies on another."""

import itertools
import xml.etree.ElementTree

import pytest

from tests import ROOT
from tests.docs import extension

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def diagrams():
    return extension("diagrams")


def test_arrows_are_read_and_laid_out_downwards(diagrams):
    arrows = diagrams.read_arrows(
        "flowchart TD\n    a --> b\n  b --> c.d\na --> c.d\n  e --> c.d\n"
    )
    assert arrows == {"a": {"b", "c.d"}, "b": {"c.d"}, "c.d": set(), "e": {"c.d"}}
    layers = diagrams.layers_of(arrows)
    assert [sorted(row) for row in layers] == [["a"], ["b", "e"], ["c.d"]]


def test_the_picture_of_imports_is_drawn(diagrams):
    page = ROOT / "docs/design/0006-imports-run-one-way.md"
    arrows = diagrams.read_arrows(page.read_text())
    depth = {name: n for n, row in enumerate(diagrams.layers_of(arrows)) for name in row}
    assert depth.keys() == arrows.keys()
    assert all(depth[start] < depth[end] for start, ends in arrows.items() for end in ends)
    drawing = xml.etree.ElementTree.fromstring(diagrams.draw(arrows))
    assert {text.text for text in drawing.iter(f"{SVG}text")} == arrows.keys()
    assert len(list(drawing.iter(f"{SVG}path"))) == sum(map(len, arrows.values()))
    _, _, wide, high = map(float, drawing.get("viewBox").split())
    boxes = []
    for box in list(drawing.iter(f"{SVG}rect"))[1:]:
        x, y, w, h = (float(box.get(side)) for side in ("x", "y", "width", "height"))
        assert 0 <= x and x + w <= wide and 0 <= y and y + h <= high
        boxes.append((x, y, x + w, y + h))
    for a, b in itertools.combinations(boxes, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
