"""Levels of a pyramid, resampled from the workspace onto a page of the sheet."""

import jax
import jax.numpy as jnp

from mtcnn_jax.anysize.layout import COLUMNS, MARGIN, PAGE, WIDTH, Table
from mtcnn_jax.cascade.crops import shares
from mtcnn_jax.cascade.materialize import materialize
from mtcnn_jax.networks.layers import STRIDE, normalize

BLOCK, WIDE = 48, 90
"""Rows and columns of pixels made in one go."""

TAPS = 4
"""Pixels of a mip, along an axis, that one of a level can touch: it is less than two of them wide,
and the filter twice as wide as it."""

ACROSS = STRIDE * WIDTH
"""Pixels in a row of the sheet."""


RUN = 2 * WIDE + TAPS
"""Pixels in a row of a mip that a row of the sheet is made of."""

LATER = 4
"""Rows of cells that P-Net's rolling form is behind."""

CELL_ROWS = PAGE + LATER
PIXEL_ROWS = STRIDE * (PAGE + MARGIN) + BLOCK
"""Of a page; a block may reach over the end of what lies there."""


def taps(
    count: int, ratio: jax.Array, fraction: jax.Array, whole: jax.Array, extent: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """What pixels of a level are made of along an axis, as in `cascade.pyramid`.

    Args:
        count: of pixels.
        ratio: float32 [], pixels of the mip for one of the level.
        fraction: float32 [], of the first one's centre in the mip.
        whole: int32 [], the rest of it.
        extent: float32 [], pixels of the mip that are picture.

    Returns:
        Indices int32 [count, TAPS], some outside the mip, and weights, 0 there.
    """
    radius = jnp.maximum(1.0, ratio)
    centres = fraction + jnp.arange(count, dtype=jnp.float32) * ratio
    near = jnp.floor(centres - radius + 0.5)[:, None] + jnp.arange(TAPS, dtype=jnp.float32)
    weights = jnp.maximum(0, 1 - jnp.abs(near + 0.5 - centres[:, None]) / radius)
    index = whole + near.astype(jnp.int32)
    weights = weights * (index >= 0) * jnp.clip(extent - index.astype(jnp.float32), 0, 1)
    return index, shares(weights)


def put_piece(mips: jax.Array, table: Table, piece: jax.Array, pixels: jax.Array) -> jax.Array:
    """A page's pixels, float32 [PIXEL_ROWS, 3 * (ACROSS + WIDE)], with one more piece among them.

    Args:
        mips: of `workspace.halved`.
        table: of the picture.
        piece: int32 [], its number.
        pixels: the page's.
    """
    row, column, rows, columns, mip, whole_y, whole_x = table.places[piece, :7]
    ratio, fraction_y, fraction_x = table.scales[piece, :3]
    start, high, wide = table.mips[mip]
    extent = table.size.astype(jnp.float32) * jnp.exp2(-mip.astype(jnp.float32))
    rows, columns = STRIDE * (rows + MARGIN), STRIDE * (columns + MARGIN)
    by_row = jax.lax.GatherDimensionNumbers((1,), (), (0,))

    def put_columns(part: jax.Array, pixels: jax.Array) -> jax.Array:
        left = part * WIDE
        across, weights = taps(WIDE, ratio, fraction_x + left * ratio, whole_x, extent[1])
        across = jnp.clip(across, 0, wide - 1)
        first = across[0, 0]
        # Numbers, not pixels, fill a vector.
        index = jnp.minimum(across - first, RUN - 1)
        index = (3 * index[:, None] + jnp.arange(3, dtype=jnp.int32)[:, None]).reshape(-1, TAPS)
        weights = jnp.repeat(weights, 3, axis=0)
        own_columns = jnp.arange(3 * WIDE, dtype=jnp.int32) < 3 * (columns - left)

        def put(block: jax.Array, pixels: jax.Array) -> jax.Array:
            top = block * BLOCK
            down, down_weights = taps(BLOCK, ratio, fraction_y + top * ratio, whole_y, extent[0])
            at = 3 * (start + jnp.clip(down, 0, high - 1) * wide + first)

            def lines() -> jax.Array:
                total = 0.0
                for tap in range(TAPS):
                    found = jax.lax.gather(
                        mips, at[:, tap, None], by_row, (3 * RUN,), mode="promise_in_bounds"
                    )
                    total += found * down_weights[:, tap, None]
                return total

            runs = materialize(lines, (BLOCK, 3 * RUN), always=high >= 0)
            total = 0.0
            for tap in range(TAPS):
                found = runs.at[:, index[:, tap]].get(mode="promise_in_bounds")
                total += found * weights[:, tap]
            corner = STRIDE * row + top, 3 * (STRIDE * column + left)
            here = jax.lax.dynamic_slice(pixels, corner, total.shape)
            own_rows = top + jnp.arange(BLOCK, dtype=jnp.int32)[:, None] < rows
            made = jnp.where(own_columns & own_rows, normalize(total), here)
            return jax.lax.dynamic_update_slice(pixels, made, corner)

        return jax.lax.fori_loop(0, -(-rows // BLOCK), put, pixels)

    return jax.lax.fori_loop(0, -(-columns // WIDE), put_columns, pixels)


def owners(table: Table, number: jax.Array, rows: int) -> jax.Array:
    """int32 [rows, COLUMNS]: the piece that each of a page's cells belongs to, -1 for none."""
    down = jnp.arange(rows, dtype=jnp.int32)[:, None] - LATER
    across = jnp.arange(COLUMNS, dtype=jnp.int32)

    def mark(piece: jax.Array, found: jax.Array) -> jax.Array:
        row, column, rows, columns = table.places[piece, :4]
        own = (down >= row) & (down < row + rows) & (across >= column) & (across < column + columns)
        return jnp.where(own, piece, found)

    blank = jnp.full((rows, COLUMNS), -1, jnp.int32)
    return jax.lax.fori_loop(table.pages[number], table.pages[number + 1], mark, blank)
