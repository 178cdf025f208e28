"""Where the levels of a picture's pyramid go on a sheet, on the host and in NumPy.

The sheet is a strip as wide as P-Net's compiled form and as long as it takes. A level wider than
what is free is cut in two, which costs `MARGIN` columns more, so that hardly a pixel of the strip
is left over: 4 to 17% for everyday pictures from 20 pixels, where tiles took 40 to 120% (decision
0036). The strip is cut into pages, one after the other in the same memory.

Rows and columns count pairs of pixels, P-Net's stride: a piece of `rows` x `columns` cells takes
`MARGIN` more of each.
"""

import functools
from typing import NamedTuple

import numpy as np

from mtcnn_jax.cascade import crops, pyramid
from mtcnn_jax.networks.layers import INPUT_SIZE, STRIDE

COLUMNS = 128
"""Cells in a row of the sheet."""

MARGIN = (INPUT_SIZE["pnet"] - STRIDE) // STRIDE
"""By how much a window is longer than a cell, in pairs of pixels."""

WIDTH = COLUMNS + MARGIN
"""Of the sheet, in pairs of pixels."""

PAGE = 508
"""Rows of cells on a page."""

NARROWEST = (17, 32)
"""Columns that a gap has to have for a level to be cut for it; both are tried."""

GOOD_ENOUGH = 1.1
"""Times the levels' area, from which no other layout is tried."""

MIPS = 13
"""Halvings of the largest picture that is accepted, and the picture itself."""

PIECES, PAGES = 1024, 256
"""Of a table. What takes more goes through in several."""


class Table(NamedTuple):
    """What of a picture's pyramid lies where, for `sheet` and `scan`.

    Attributes:
        size: int32 [2], height and width of the picture.
        mips: int32 [MIPS, 3], where each halved picture begins in the workspace, its height and
            its width, in pixels; zeros after the last.
        depth: int32 [], how many of them there are.
        pages: int32 [PAGES + 1], the first piece of each page.
        rows: int32 [PAGES], rows of cells used on each page.
        count: int32 [], pages.
        places: int32 [PIECES, 10], of each piece: row, column, rows and columns on its page; its
            mip; the whole part of its first pixel's centre (y, x) in the mip; the row and column of
            its first cell in the level; the level.
        scales: float32 [PIECES, 4], of each piece: pixels of the mip for one of the level, the
            fractions of that centre, pixels of the picture for one of the level.
    """

    size: np.ndarray
    mips: np.ndarray
    depth: np.ndarray
    pages: np.ndarray
    rows: np.ndarray
    count: np.ndarray
    places: np.ndarray
    scales: np.ndarray


class Piece(NamedTuple):
    """A part of a level on the strip: its place (row, column), size and level, in cells."""

    row: int
    column: int
    rows: int
    columns: int
    level: int
    first_row: int
    first_column: int


def mip_table(height: int, width: int, depth: int) -> np.ndarray:
    """`Table.mips` of a picture."""
    table = np.zeros((MIPS, 3), np.int64)
    start = 0
    for mip in range(depth):
        table[mip] = start, height, width
        start += height * width
        height, width = (height + 1) // 2, (width + 1) // 2
    return table.astype(np.int32)


def fill(sizes: list[tuple[int, int]], narrowest: int, *, by_area: bool) -> tuple[int, list[Piece]]:
    """Lays levels on the strip, always into the gap that is lowest.

    Args:
        sizes: rows and columns of cells of each level.
        narrowest: columns that a gap has to have for a level to be cut for it.
        by_area: whether the largest goes first, or the highest.

    Returns:
        The strip's length, and the pieces.
    """
    left = [[rows, columns, level, 0] for level, (rows, columns) in enumerate(sizes)]
    skyline = [[0, 0, WIDTH]]  # Row, column and columns of each step.
    pieces = []
    while left:
        left.sort(key=lambda piece: (-piece[0] * piece[1] if by_area else -piece[0], piece[2]))
        step = min(range(len(skyline)), key=lambda number: skyline[number][:2])
        row, column, gap = skyline[step]
        room = gap - MARGIN
        found = None
        for place, (_, columns, *_) in enumerate(left):
            if columns <= room:
                found = place, columns
                break
            if gap >= narrowest:
                found = place, room
                break
        if found is None:
            beside = [skyline[near][0] for near in (step - 1, step + 1) if 0 <= near < len(skyline)]
            skyline[step][0] = min(beside)
        else:
            place, columns = found
            rows, whole, level, first = left[place]
            pieces.append(Piece(row, column, rows, columns, level, 0, first))
            if columns < whole:
                left[place][1:] = [whole - columns, level, first + columns]
            else:
                left.pop(place)
            wide = columns + MARGIN
            skyline[step : step + 1] = [[row + rows + MARGIN, column, wide]]
            if wide < gap:
                skyline.insert(step + 1, [row, column + wide, gap - wide])
        skyline = _merged(skyline)
    return max((piece.row + piece.rows for piece in pieces), default=0), pieces


def _merged(skyline: list[list[int]]) -> list[list[int]]:
    merged: list[list[int]] = []
    for step in skyline:
        if merged and merged[-1][0] == step[0]:
            merged[-1][2] += step[2]
        else:
            merged.append(step)
    return merged


def shortest(sizes: list[tuple[int, int]]) -> list[Piece]:
    """The pieces of the shortest strip that any order tried gives."""
    area = sum((rows + MARGIN) * (columns + MARGIN) for rows, columns in sizes)
    best: tuple[int, list[Piece]] | None = None
    for narrowest in NARROWEST:
        for by_area in (False, True):
            found = fill(sizes, narrowest, by_area=by_area)
            if best is None or found[0] < best[0]:
                best = found
            if best[0] * WIDTH < GOOD_ENOUGH * area:
                return best[1]
    return best[1] if best else []


def paged(pieces: list[Piece]) -> list[list[Piece]]:
    """The pieces of each page, with what reaches over its end cut off and on the next one."""
    length = max((piece.row + piece.rows for piece in pieces), default=0)
    pages: list[list[Piece]] = [[] for _ in range(-(-length // PAGE))]
    for piece in pieces:
        for page in range(piece.row // PAGE, (piece.row + piece.rows - 1) // PAGE + 1):
            first = max(piece.row, page * PAGE)
            rows = min(piece.row + piece.rows, (page + 1) * PAGE) - first
            cut = first - piece.row
            part = piece._replace(row=first - page * PAGE, rows=rows, first_row=cut)
            pages[page].append(part)
    return pages


@functools.lru_cache(maxsize=256)
def tables(
    height: int, width: int, *, min_face_size: float, scale_factor: float
) -> tuple[Table, ...]:
    """The tables of a picture, at least one.

    Args:
        height: of the picture.
        width: likewise.
        min_face_size: as in `DetectConfig`.
        scale_factor: likewise.
    """
    levels = pyramid.plan((height, width), min_face_size=min_face_size, scale_factor=scale_factor)
    used = max(crops.mip_count((height, width), INPUT_SIZE["rnet"]), pyramid.mips_used(levels))
    mips = mip_table(height, width, used)
    pages = paged(shortest([pyramid.cells_within(level) for level in levels]))
    made = []
    while pages or not made:
        taken: list[list[Piece]] = []
        while pages and _has_room(taken, pages[0]):
            taken.append(pages.pop(0))
        made.append(_table((height, width), mips, used, levels, taken))
    return tuple(made)


def _has_room(taken: list[list[Piece]], page: list[Piece]) -> bool:
    return len(taken) < PAGES and sum(map(len, taken)) + len(page) <= PIECES


def _table(
    size: tuple[int, int],
    mips: np.ndarray,
    depth: int,
    levels: tuple[pyramid.Level, ...],
    pages: list[list[Piece]],
) -> Table:
    pieces = [piece for page in pages for piece in page]
    places, scales = np.zeros((PIECES, 10), np.int32), np.ones((PIECES, 4), np.float32)
    for number, piece in enumerate(pieces):
        level = levels[piece.level]
        ratio = 1 / (level.scale * 2**level.mip)
        corner = STRIDE * np.array([piece.first_row, piece.first_column])
        centre = (corner + 0.5) * ratio
        whole = np.floor(centre)
        places[number] = (*piece[:4], level.mip, *whole, *piece[5:], piece.level)
        scales[number] = (ratio, *(centre - whole), 1 / level.scale)
    first, rows = np.zeros(PAGES + 1, np.int32), np.zeros(PAGES, np.int32)
    first[1 : len(pages) + 1] = np.cumsum([len(page) for page in pages])
    rows[: len(pages)] = [max(piece.row + piece.rows for piece in page) for page in pages]
    whole_numbers = np.array(size, np.int32), mips, np.int32(depth), first, rows
    return Table(*whole_numbers, np.int32(len(pages)), places, scales)
