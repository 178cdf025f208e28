"""Workspace, sheet and P-Net over it, against the same made for one size."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mtcnn_jax.anysize import layout, scan, workspace
from mtcnn_jax.cascade import crops, pyramid, stages
from mtcnn_jax.config import DetectConfig

ROOM = 2**18


@functools.cache
def jitted(function):
    return jax.jit(function)


def prepared(picture, table, capacity=2**15):
    """Work with a picture and its halves in it."""
    work = scan.blank(ROOM, capacity)
    numbers, mips = picture.ravel(), work.mips + 7  # As a picture before would leave it.
    for at in range(0, numbers.size, workspace.CHUNK):
        chunk = np.full(workspace.CHUNK, 255, np.uint8)
        part = numbers[at : at + workspace.CHUNK]
        chunk[: part.size] = part
        mips = jitted(workspace.loaded)(mips, chunk, np.int32(at), np.int32(numbers.size))
    return work._replace(mips=jitted(workspace.halved)(mips, table))


def random_picture(size):
    return np.random.default_rng(sum(size)).integers(0, 256, (*size, 3)).astype(np.uint8)


@pytest.mark.parametrize("size", [(1, 40), (37, 1), (45, 61), (133, 217)])
def test_the_workspace_holds_the_mips(size):
    picture = random_picture(size)
    (table,) = layout.tables(*size, min_face_size=20.0, scale_factor=0.709)
    found = np.asarray(prepared(picture, table).mips)
    make = jax.jit(crops.mip_chain, static_argnums=2)
    chain = make(picture, np.array(size), int(table.depth))
    for (start, height, width), wanted in zip(table.mips, chain, strict=False):
        part = found[3 * start : 3 * (start + height * width)].reshape(height, width, 3)
        np.testing.assert_allclose(part, wanted, atol=1e-4)


def windows_of(params, picture, min_face_size, threshold, scale_factor=0.709, prior=0.25):
    """All that the sheet gives, [n, 11], and the count."""
    seen = layout.tables(*picture.shape[:2], min_face_size=min_face_size, scale_factor=scale_factor)
    counts = jnp.zeros(2, jnp.int32)
    work = prepared(picture, seen[0])
    for table in seen:
        work, counts = jitted(scan.scanned)(params["pnet"], work, table, counts, threshold, prior)
    assert counts[0] == counts[1] < 2**15
    return np.asarray(work.store)[: int(counts[0])]


def by_place(rows):
    """Rows by level and box."""
    return {tuple(row[[9, 0, 1, 2, 3]].astype(int)): row for row in rows}


@pytest.mark.parametrize(
    ("size", "min_face_size", "scale_factor"),
    [
        ((120, 160), 20.0, 0.709),
        ((161, 97), 12.0, 0.5),
        ((420, 30), 20.0, 0.8),
        ((430, 590), 12.0, 0.709),  # Several pages.
        ((150, 150), 20.0, 0.97),  # Many levels.
    ],
)
def test_p_net_finds_the_windows_that_it_finds_level_by_level(
    params, street, size, min_face_size, scale_factor
):
    picture = np.ascontiguousarray(street[: size[0], : size[1]])
    found = by_place(windows_of(params, picture, min_face_size, 0.02, scale_factor))
    config = DetectConfig(
        min_face_size=min_face_size, scale_factor=scale_factor, thresholds=(0.02, 0.7, 0.7)
    )
    levels = pyramid.plan(size, min_face_size=min_face_size, scale_factor=scale_factor)

    @jax.jit
    def plain(params, picture):
        chain = crops.mip_chain(picture, jnp.array(size), pyramid.mips_used(levels))
        return stages.scan(params, chain, jnp.array(size), levels, config)

    cells = jax.device_get(plain(params, picture))
    columns = [cells.boxes, cells.scores[:, None], cells.offsets, cells.groups[:, None]]
    wanted = by_place(np.concatenate(columns, axis=1)[cells.valid])
    # At the threshold rounding decides.
    alone = [{**found, **wanted}[place][4] for place in found.keys() ^ wanted.keys()]
    assert all(abs(score - 0.02) < 1e-4 for score in alone)
    both = sorted(found.keys() & wanted.keys())
    assert len(both) > 5
    found, wanted = (np.stack([rows[place] for place in both]) for rows in (found, wanted))
    np.testing.assert_array_equal(found[:, :4], wanted[:, :4])
    np.testing.assert_allclose(found[:, 4:10], wanted[:, 4:10], atol=2e-4)
    units = pyramid.units(levels)
    np.testing.assert_allclose(found[:, 10], units[found[:, 9].astype(int)], rtol=1e-6)


def test_a_store_that_is_full_keeps_the_best(params, street):
    picture = np.ascontiguousarray(street[:200, :300])
    every = windows_of(params, picture, 20.0, 0.0005)
    assert len(every) > 3 * scan.ADDED
    (table,) = layout.tables(200, 300, min_face_size=20.0, scale_factor=0.709)
    work = prepared(picture, table, capacity=600)
    counts = jnp.zeros(2, jnp.int32)
    work, counts = jitted(scan.scanned)(params["pnet"], work, table, counts, 0.0005, 0.25)
    kept, count = map(int, counts)
    assert count == len(every) and 600 <= kept < 1200 + scan.ADDED
    best = np.sort(every[:, 4])[::-1][:600]
    found = np.sort(np.asarray(work.store)[:kept, 4])[::-1][:600]
    np.testing.assert_array_equal(found, best)


def test_what_the_memory_held_before_has_no_effect(params, street):
    picture = np.ascontiguousarray(street[200:320, 300:460])
    (table,) = layout.tables(120, 160, min_face_size=20.0, scale_factor=0.709)
    counts = jnp.zeros(2, jnp.int32)
    found = []
    for filled in (0, 1e3):
        work = prepared(picture, table)
        work = work._replace(
            pixels=work.pixels + filled, outputs=work.outputs + filled, store=work.store + filled
        )
        work, ends = jitted(scan.scanned)(params["pnet"], work, table, counts, 0.3, 0.25)
        found.append(np.asarray(work.store)[: int(ends[0])])
    assert len(found[0]) > 5
    np.testing.assert_array_equal(*found)
