"""P-Net over the pages of the sheet: the windows that it finds, one after the other in a store."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from mtcnn_jax.anysize import sheet, workspace
from mtcnn_jax.anysize.layout import COLUMNS, Table
from mtcnn_jax.cascade.pyramid import WINDOW
from mtcnn_jax.cascade.size_prior import COUNTED, log_odds
from mtcnn_jax.networks.cpu import pnet_rows
from mtcnn_jax.networks.layers import STRIDE

Params = Any

STRIP = 32
"""Rows of cells that P-Net takes in one go: 4,096 cells, from which on it is as quick as over a
whole picture; half of them take 1.3 times as long for each (decision 0036)."""

STRIPS = -(-sheet.CELL_ROWS // STRIP)

SCORE = 4
"""Its column in the store."""

FEATURES = (10, 16)
"""Of P-Net's first two layers."""

ADDED = 1024
"""Windows over the threshold that are put into the store in one go."""


class Work(NamedTuple):
    """The memory that a picture is looked at in, handed on from one to the next.

    What it holds from before is not looked at: clearing it would take longer than some pictures do.

    Attributes:
        mips: float32 [n], of `workspace.length`.
        pixels: float32, a page's.
        outputs: float32 [rows, COLUMNS, 6], P-Net's.
        store: float32 [n, 11], windows found: box in pixels of its level, whole numbers, score,
            offsets, level, and pixels of the picture for one of the level.
    """

    mips: jax.Array
    pixels: jax.Array
    outputs: jax.Array
    store: jax.Array


def blank(room: int, capacity: int) -> Work:
    """Memory for pictures of up to `room` pixels of which `capacity` windows are kept."""
    return Work(
        jnp.zeros(workspace.length(room), jnp.float32),
        jnp.zeros((sheet.PIXEL_ROWS, 3 * (sheet.ACROSS + sheet.WIDE)), jnp.float32),
        jnp.zeros((STRIPS * STRIP, COLUMNS, 6), jnp.float32),
        jnp.zeros((2 * capacity + ADDED, 11), jnp.float32),
    )


def scanned(
    params: Params,
    work: Work,
    table: Table,
    counts: jax.Array,
    threshold: jax.Array,
    prior: jax.Array,
) -> tuple[Work, jax.Array]:
    """P-Net over a table's pages.

    Args:
        params: of P-Net.
        work: with the picture and its halves in it.
        table: of the picture.
        counts: int32 [2], windows in the store, and windows found.
        threshold: float32 [], that a score must exceed.
        prior: float32 [], `DetectConfig.size_prior`.

    Returns:
        The memory with what was found, and the counts now. Of more windows than the store is for,
        those of highest score are in it.
    """
    capacity = (len(work.store) - ADDED) // 2
    priors = log_odds(WINDOW * table.scales[:, 3], COUNTED["pnet"] * prior)

    def thin(kept: jax.Array, _: jax.Array, store: jax.Array) -> jax.Array:
        within = jnp.arange(len(store), dtype=jnp.int32) < kept
        _, best = jax.lax.top_k(jnp.where(within, store[:, SCORE], -1.0), capacity)
        return jax.lax.dynamic_update_slice_in_dim(store, store[best], 0, 0)

    def page(number: jax.Array, state: tuple[Work, jax.Array]) -> tuple[Work, jax.Array]:
        work, counts = state
        owners = sheet.owners(table, number, STRIPS * STRIP)
        put = functools.partial(sheet.put_piece, work.mips, table)
        pixels = jax.lax.fori_loop(table.pages[number], table.pages[number + 1], put, work.pixels)
        strips = -(-(table.rows[number] + sheet.LATER) // STRIP)
        outputs = _rolled(params, pixels, work.outputs, strips)
        margins = outputs[..., 1] - outputs[..., 0] + priors[jnp.maximum(owners, 0)]
        scores = jax.nn.sigmoid(margins)
        within = jnp.arange(STRIPS * STRIP, dtype=jnp.int32)[:, None] < strips * STRIP
        found, index_of = _places(within & (owners >= 0) & (scores > threshold))

        def add(part: jax.Array, state: tuple[jax.Array, jax.Array]) -> tuple:
            store, kept = state
            rows = _windows(index_of(part * ADDED), scores.ravel(), outputs, owners, table)
            store = jax.lax.dynamic_update_slice_in_dim(store, rows, kept, 0)
            kept += jnp.minimum(found - part * ADDED, ADDED)
            full = kept >= 2 * capacity
            # A branch would copy the store.
            thinned = functools.partial(thin, kept)
            store = jax.lax.fori_loop(0, full.astype(jnp.int32), thinned, store)
            return store, jnp.where(full, capacity, kept)

        state = work.store, counts[0]
        store, kept = jax.lax.fori_loop(0, -(-found // ADDED), add, state)
        return Work(work.mips, pixels, outputs, store), jnp.stack([kept, counts[1] + found])

    return jax.lax.fori_loop(0, table.count, page, (work, counts))


def _rolled(params: Params, pixels: jax.Array, outputs: jax.Array, strips: jax.Array) -> jax.Array:
    """P-Net's outputs for so many strips of a page."""
    rows = STRIDE * STRIP

    def strip(number: jax.Array, state: tuple) -> tuple:
        above, outputs = state
        corner = rows * number, jnp.int32(0)
        part = jax.lax.dynamic_slice(pixels, corner, (rows + STRIDE, 3 * sheet.ACROSS))
        above, found = pnet_rows(params, above, part.reshape(1, -1, sheet.ACROSS, 3))
        return above, jax.lax.dynamic_update_slice_in_dim(outputs, found, STRIP * number, 0)

    columns = sheet.ACROSS // STRIDE - 1
    above = tuple(
        jnp.zeros((1, 2, columns - 2 * layer, features), jnp.float32)
        for layer, features in enumerate(FEATURES)
    )
    return jax.lax.fori_loop(0, strips, strip, (above, outputs))[1]


def _places(wanted: jax.Array) -> tuple[jax.Array, Callable[[jax.Array], jax.Array]]:
    """How many of a mask [n, m] hold, and what gives the places of the next `ADDED` of them."""
    upper = jnp.triu(jnp.ones((wanted.shape[1],) * 2, jnp.float32))
    # How many up to each in its row, exact in float32. Nothing is quicker than a product.
    within = wanted.astype(jnp.float32) @ upper
    rows = within[:, -1]
    ends = jnp.cumsum(rows)

    def index_of(first: jax.Array) -> jax.Array:
        number = (first + jnp.arange(1, ADDED + 1, dtype=jnp.int32)).astype(jnp.float32)
        row = jnp.minimum(jnp.searchsorted(ends, number), len(rows) - 1).astype(jnp.int32)
        rest = number - (ends[row] - rows[row])
        column = jnp.sum(within[row] < rest[:, None], axis=1, dtype=jnp.int32)
        return row * wanted.shape[1] + jnp.minimum(column, wanted.shape[1] - 1)

    return ends[-1].astype(jnp.int32), index_of


def _windows(
    index: jax.Array, scores: jax.Array, outputs: jax.Array, owners: jax.Array, table: Table
) -> jax.Array:
    """Rows of the store for the cells `index` of a page."""
    owner = jnp.maximum(owners.ravel()[index], 0)
    row, column, *_, first_row, first_column, level = table.places[owner].T
    unit = table.scales[owner, 3]
    y = STRIDE * (index // COLUMNS - sheet.LATER - row + first_row)
    x = STRIDE * (index % COLUMNS - column + first_column)
    corners = jnp.stack([x, y, x + WINDOW, y + WINDOW], axis=1)
    parts = scores[index, None], outputs.reshape(-1, 6)[index, 2:], level[:, None], unit[:, None]
    return jnp.concatenate([corners, *parts], axis=1)
