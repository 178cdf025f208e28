"""Diagrams that GitHub draws from their arrows, `mermaid`, drawn here without its script."""

import collections
import html
import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

Arrows = dict[str, set[str]]

_COLOURS = {"experiments": "#dbe7fd", "data": "#fdebd3", "mtcnn_jax": "#dcf5e6"}
_HEIGHT, _GAP, _BETWEEN, _LETTER = 30, 18, 46, 7.2
_SWEEPS = 24


def read_arrows(text: str) -> Arrows:
    """The arrows of a flow chart, a line `start --> end` each."""
    arrows: Arrows = collections.defaultdict(set)
    for start, end in re.findall(r"^ *(\S+) --> (\S+)$", text, re.MULTILINE):
        arrows[start].add(end)
        arrows.setdefault(end, set())
    return dict(arrows)


def layers_of(arrows: Arrows) -> list[list[str]]:
    """Names in rows, each below all that lead to it, ordered so that few arrows cross."""
    depth: dict[str, int] = {}

    def deepen(name: str, least: int) -> None:
        if depth.get(name, -1) < least:
            depth[name] = least
            for end in arrows[name]:
                deepen(end, least + 1)

    for name in arrows:
        deepen(name, 0)
    # Those that nothing deep leads to come down to just above what they lead to.
    for name in sorted(arrows, key=depth.get, reverse=True):
        if arrows[name]:
            depth[name] = min(depth[end] for end in arrows[name]) - 1
    layers: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
    for name in sorted(arrows):
        layers[depth[name]].append(name)
    starts = {name: {one for one, ends in arrows.items() if name in ends} for name in arrows}
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        place = {name: x for row in layers for name, x in _centres(row).items()}
        for row in layers if down else reversed(layers):
            near = starts if down else arrows
            row.sort(key=lambda n: _mean([place[o] for o in near[n]], place[n]))  # noqa: B023
            place |= _centres(row)
    return layers


def draw(arrows: Arrows) -> str:
    """The diagram as SVG."""
    layers = layers_of(arrows)
    whole = max(_width(row) for row in layers) + 2 * _GAP
    step = _HEIGHT + _BETWEEN
    spot = {
        name: (x + whole / 2, _GAP + number * step)
        for number, row in enumerate(layers)
        for name, x in _centres(row).items()
    }
    high = len(layers) * step - _BETWEEN + 2 * _GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole:.0f} {high}" role="img" '
        'font-family="system-ui, sans-serif" font-size="13" style="width: 100%; height: auto">',
        '<rect width="100%" height="100%" rx="4" fill="#fff"/>',
        '<g fill="none" stroke="#8a94a6" stroke-width="1.3">',
    ]
    for start, ends in arrows.items():
        for end in sorted(ends):
            (x, y), (to_x, to_y) = spot[start], spot[end]
            y, middle = y + _HEIGHT, (y + _HEIGHT + to_y) / 2
            parts.append(
                f'<path d="M{x:.0f} {y}C{x:.0f} {middle:.0f} {to_x:.0f} {middle:.0f} {to_x:.0f} '
                f'{to_y}m-4 -7l4 7l4 -7"/>'
            )
    parts.append("</g>")
    for name, (x, y) in spot.items():
        wide = _LETTER * len(name) + 14
        parts.append(
            f'<rect x="{x - wide / 2:.0f}" y="{y}" width="{wide:.0f}" height="{_HEIGHT}" rx="6" '
            f'fill="{_COLOURS.get(name.split(".")[0], "#eceff3")}" stroke="#8a94a6"/>'
            f'<text x="{x:.0f}" y="{y + 20}" text-anchor="middle" fill="#1f2430">'
            f"{html.escape(name)}</text>"
        )
    return "\n".join([*parts, "</svg>"])


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _width(row: list[str]) -> float:
    return sum(_LETTER * len(name) + 14 + _GAP for name in row) - _GAP


def _centres(row: list[str]) -> dict[str, float]:
    """Where the names of a row stand, about 0."""
    x, found = -_width(row) / 2, {}
    for name in row:
        wide = _LETTER * len(name) + 14
        found[name] = x + wide / 2
        x += wide + _GAP
    return found


class Drawn(SphinxTransform):
    """Puts drawings in the place of blocks of `mermaid`."""

    default_priority = 500

    def apply(self, **_: Any) -> None:
        """Draws those of one page."""
        for block in list(self.document.findall(nodes.literal_block)):
            if block.get("language") == "mermaid":
                block.replace_self(nodes.raw("", draw(read_arrows(block.astext())), format="html"))


def setup(app: Sphinx) -> dict[str, bool]:
    """Adds it to a build."""
    app.add_transform(Drawn)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
