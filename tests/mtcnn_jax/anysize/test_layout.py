"""Layout: each cell of each level lies on a page once, and no two pieces on top of each other."""

import numpy as np
import pytest

from mtcnn_jax.anysize import layout
from mtcnn_jax.cascade import pyramid

SIZES = [
    (12, 12),
    (20, 20),
    (250, 250),
    (480, 640),
    (640, 480),
    (40, 3000),
    (3000, 40),
    (1080, 1920),
]


def tables_of(size, min_face_size=20.0, scale_factor=0.709):
    return layout.tables(*size, min_face_size=min_face_size, scale_factor=scale_factor)


def pages_of(table):
    """The places of the pieces on each page."""
    bounds = table.pages[: table.count + 1]
    return [table.places[first:last] for first, last in zip(bounds[:-1], bounds[1:], strict=True)]


@pytest.mark.parametrize("size", [*SIZES, (2500, 3500)])
@pytest.mark.parametrize("min_face_size", [12.0, 20.0, 40.0])
def test_every_window_of_every_level_is_on_a_page_once(size, min_face_size):
    levels = pyramid.plan(size, min_face_size=min_face_size)
    seen = [np.zeros(pyramid.cells_within(level), int) for level in levels]
    for table in tables_of(size, min_face_size):
        for _, _, rows, columns, mip, _, _, row, column, level in table.places[
            : table.pages[table.count]
        ]:
            assert mip == levels[level].mip
            part = seen[level][row : row + rows, column : column + columns]
            assert part.shape == (rows, columns)
            part += 1
    assert all((found == 1).all() for found in seen)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("min_face_size", [12.0, 33.3])
def test_no_piece_lies_on_another_and_none_beyond_the_page(size, min_face_size):
    for table in tables_of(size, min_face_size):
        for number, page in enumerate(pages_of(table)):
            taken = np.zeros((layout.PAGE + layout.MARGIN, layout.WIDTH), int)
            for row, column, rows, columns, *_ in page:
                taken[
                    row : row + rows + layout.MARGIN, column : column + columns + layout.MARGIN
                ] += 1
                assert column + columns <= layout.COLUMNS
                assert row + rows <= table.rows[number] <= layout.PAGE
            assert taken.max() == 1


def test_a_piece_begins_where_its_first_pixel_does():
    """The centre of a level's pixel x is (x + 1/2) / scale of the picture, halved per mip."""
    levels = pyramid.plan((1080, 1920), min_face_size=20)
    (table,) = tables_of((1080, 1920))
    for place, scale in zip(table.places[: table.pages[table.count]], table.scales, strict=False):
        level = levels[place[9]]
        for axis in (0, 1):
            pixel = 2 * int(place[7 + axis]) + 0.5
            wanted = pixel / level.scale / 2**level.mip
            assert place[5 + axis] + float(scale[1 + axis]) == pytest.approx(wanted, abs=1e-4)
        assert scale[0] == pytest.approx(1 / level.scale / 2**level.mip, rel=1e-6)
        assert scale[3] == pytest.approx(1 / level.scale, rel=1e-6)


@pytest.mark.parametrize(
    ("size", "most"),
    [((480, 640), 1.1), ((1080, 1920), 1.1), ((3000, 4000), 1.1), ((250, 250), 1.2)],
)
def test_little_of_the_sheet_is_left_over(size, most):
    levels = pyramid.plan(size)
    area = sum(np.prod(level.shape) for level in levels)
    rows = sum(int(table.rows[: table.count].sum()) for table in tables_of(size))
    assert 1 < 4 * (rows + layout.MARGIN) * layout.WIDTH / area < most


def test_the_mips_lie_one_after_the_other():
    (table,) = tables_of((90, 122))
    starts, heights, widths = table.mips[: table.depth].T
    assert list(heights[:3]) == [90, 45, 23] and list(widths[:3]) == [122, 61, 31]
    assert list(starts[:3]) == [0, 90 * 122, 90 * 122 + 45 * 61]


def test_a_pyramid_of_many_levels_takes_several_tables():
    made = tables_of((600, 800), 12.0, 0.99)
    assert len(made) > 1
    assert all(0 < table.count <= layout.PAGES for table in made)


def test_a_picture_without_a_level_has_a_table_of_no_page():
    (table,) = tables_of((19, 300))
    assert table.count == 0 and table.depth >= 1
