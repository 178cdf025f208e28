"""From P-Net's windows to faces: two rounds of suppression, five of looking and suppression.

The same as `cascade.stages` writes down stage by stage, but a loop of rounds is one suppression,
one sorting and one cutting of crops for the compiler, which takes half as long for it (decision
0036). R-Net and O-Net have a round each, and R-Net one more, O-Net two, to look again. O-Net's
crops of 48 pixels are cut as four of R-Net's 24.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from mtcnn_jax.anysize.layout import Table
from mtcnn_jax.anysize.scan import SCORE, Work
from mtcnn_jax.cascade import boxes as box_lib
from mtcnn_jax.cascade import second_look
from mtcnn_jax.cascade.crops import cut
from mtcnn_jax.cascade.nms import nms
from mtcnn_jax.cascade.size_prior import COUNTED, raised
from mtcnn_jax.cascade.voting import vote
from mtcnn_jax.config import DetectConfig
from mtcnn_jax.networks import cpu
from mtcnn_jax.networks.layers import INPUT_SIZE

Params = Any

SIDE = INPUT_SIZE["rnet"]
CHUNK = 32
"""Crops of that side looked at in one go: of R-Net's windows so many, of O-Net's a quarter."""

TIERS = (256, 1024)
"""Windows up to which sorting costs as much, and then all there is room for: 0.02, 0.07, 0.3 ms."""

BOX, OFFSETS, LEVEL, UNIT = slice(0, 4), slice(5, 9), 9, 10
"""Columns of what is known of a window, as in the store."""

POINTS, MARGIN = slice(11, 21), 21
"""And what O-Net says of it: the landmarks, and the log-odds.

After O-Net's first look OFFSETS, POINTS and MARGIN are sums over all looks: of the face's box, the
places of its landmarks and the log-odds.
"""


class Faces(NamedTuple):
    """What is left of the windows; the first ones are valid.

    Attributes:
        windows: float32 [n, 5], the faces' boxes, not clipped, and scores; before O-Net more.
        landmarks: float32 [n, 5, 2].
        count: int32 [], how many are valid.
        overflow: int32 [3], windows over each capacity.
        left: float32 [2, n, 5], square and score of the windows that went to R-Net and O-Net, in
            no order.
        counts: int32 [2], how many those are.
    """

    windows: jax.Array
    landmarks: jax.Array
    count: jax.Array
    overflow: jax.Array
    left: jax.Array
    counts: jax.Array


def ordered(
    rows: jax.Array, keys: jax.Array, wanted: jax.Array, count: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The wanted rows, by descending key, and how many they are; what follows means nothing.

    Args:
        rows: float32 [n, k].
        keys: float32 [n].
        wanted: bool [n].
        count: int32 [], of which on none is wanted.
    """
    ranks = jnp.where(wanted, keys, -jnp.inf)
    tiers = sorted({min(tier, len(rows)) for tier in (*TIERS, len(rows))})

    def sort(tier: int) -> jax.Array:
        _, index = jax.lax.top_k(ranks[:tier], tier)
        return jnp.pad(rows[index], ((0, len(rows) - tier), (0, 0)))

    branches = [functools.partial(sort, tier) for tier in tiers]
    found = jax.lax.switch(sum(count > tier for tier in tiers[:-1]), branches)
    return found, wanted.sum(dtype=jnp.int32)


def look(
    params: Params, work: Work, table: Table, squares: jax.Array, count: jax.Array, final: jax.Array
) -> jax.Array:
    """R-Net's or, where `final`, O-Net's outputs for the first `count` of `squares` [n, 4].

    Without parameters of O-Net they are R-Net's.

    Returns:
        float32 [n, 16]: logits, offsets and, of O-Net, points.
    """
    step = jnp.where(final, CHUNK // 4, CHUNK)
    total = len(squares)
    squares = jnp.pad(squares, ((0, CHUNK), (0, 0)))
    pixels = work.mips.reshape(-1, 3)

    def rnet(crops: jax.Array) -> jax.Array:
        found = jnp.concatenate(cpu.rnet(params["rnet"], crops), axis=1)
        return jnp.pad(found, ((0, 0), (0, 10)))

    def onet(crops: jax.Array) -> jax.Array:
        quarters = crops.reshape(-1, 2, 2, SIDE, SIDE, 3).swapaxes(2, 3)
        found = cpu.onet(params["onet"], quarters.reshape(-1, 2 * SIDE, 2 * SIDE, 3))
        found = jnp.concatenate(found, axis=1)
        return jnp.pad(found, ((0, CHUNK - len(found)), (0, 0)))

    def body(number: jax.Array, outputs: jax.Array) -> jax.Array:
        here = jax.lax.dynamic_slice_in_dim(squares, number * step, CHUNK)
        whole = here[: CHUNK // 4]
        middle = (whole[:, :2] + whole[:, 2:]) / 2
        x, y = ((whole[:, axis], middle[:, axis], whole[:, axis + 2]) for axis in (0, 1))
        quarters = [
            jnp.stack([x[right], y[low], x[right + 1], y[low + 1]], axis=1)
            for low in (0, 1)
            for right in (0, 1)
        ]
        quarters = jnp.stack(quarters, axis=1).reshape(-1, 4)
        windows = jnp.where(final, quarters, here)
        crops = cut(
            pixels, table.mips, table.depth, table.size, windows, crop_size=SIDE, normalized=True
        )
        found = jax.lax.cond(final, onet, rnet, crops) if "onet" in params else rnet(crops)
        return jax.lax.dynamic_update_slice_in_dim(outputs, found, number * step, 0)

    blank = jnp.zeros((total + CHUNK, 16), jnp.float32)
    return jax.lax.fori_loop(0, -(-count // step), body, blank)[:total]


def proposed(
    rows: jax.Array, count: jax.Array, config: DetectConfig
) -> tuple[jax.Array, jax.Array]:
    """P-Net's windows after both suppressions, `stages.propose` but for the squares.

    Args:
        rows: float32 [n, 11], of a store.
        count: int32 [], of which on they mean nothing.
        config: how to look.

    Returns:
        The rows that are left, by descending score, with boxes in pixels of the picture, and how
        many they are.
    """
    numbers = jnp.arange(len(rows), dtype=jnp.int32)
    overlaps = jnp.stack([*map(jnp.asarray, config.nms_thresholds[:2]), 1.0])

    def play(number: jax.Array, state: tuple) -> tuple:
        rows, wanted, count = state
        rows, count = ordered(rows, rows[:, SCORE], wanted, count)
        within = number == 0
        # Whole numbers within a level: an overlap of just a half is none above a half.
        units = jnp.where(number == 1, rows[:, UNIT], 1.0)
        rows = jnp.concatenate([rows[:, BOX] * units[:, None], rows[:, SCORE:]], axis=1)
        valid = numbers < count
        groups = jnp.where(within, rows[:, LEVEL], 0).astype(jnp.int32)
        last = number == 2  # It only moves what is left to the front.
        keep = nms(rows[:, BOX], valid & ~last, overlaps[number], groups=groups)
        return rows, jnp.where(last, valid, keep), count

    rows, _, count = jax.lax.fori_loop(jnp.int32(0), 3, play, (rows, numbers < count, count))
    return rows, count


def judged(
    params: Params,
    work: Work,
    table: Table,
    counts: jax.Array,
    config: DetectConfig,
    *,
    until: str = "onet",
) -> Faces:
    """The faces among P-Net's windows.

    Args:
        params: of the networks up to `until`.
        work: with what P-Net found.
        table: of the picture.
        counts: int32 [2], windows in the store and windows found. Of more than the first capacity
            those of highest score are looked at.
        config: how to look.
        until: the last stage to run.
    """
    first, room, last = config.capacities
    rows, used = work.store, counts[0]
    if len(rows) > first:
        numbers = jnp.arange(len(rows), dtype=jnp.int32)

        def best() -> jax.Array:
            ranks = jnp.where(numbers < used, rows[:, SCORE], -1.0)
            return rows[jax.lax.top_k(ranks, first)[1]]

        rows = jax.lax.cond(used > first, best, lambda: rows[:first])
    rows, used = proposed(rows, jnp.minimum(used, first), config)
    rows = jnp.pad(rows[:room], ((0, max(0, room - first)), (0, MARGIN + 1 - rows.shape[1])))
    over = jnp.stack([jnp.maximum(counts[1] - first, 0), jnp.maximum(used - room, 0), jnp.int32(0)])
    numbers = jnp.arange(room, dtype=jnp.int32)
    (sure, certain), (after_rnet, after_onet) = config.thresholds[1:], config.nms_thresholds[2:]
    confirmed, agreed = second_look.CONFIRMED_OVERLAP, second_look.AGREED_OVERLAP
    thresholds = jnp.stack([*map(jnp.asarray, (sure, sure, certain, -1.0, certain))])
    overlaps = jnp.stack([*map(jnp.asarray, (after_rnet, confirmed, after_onet, 1.0, agreed))])
    last = min(room, last)
    capacities = jnp.array((room, last, last, last, last), jnp.int32)

    def squared(rows: jax.Array, known: jax.Array | int) -> jax.Array:
        """About the mean of `known` looks at a face, or with none about the window's own box."""
        boxes = box_lib.decode_offsets(rows[:, BOX], rows[:, OFFSETS])
        faces = rows[:, OFFSETS] / jnp.maximum(known, 1)
        return box_lib.to_square(jnp.where(known > 0, faces, boxes))

    def play(turn: jax.Array, state: tuple) -> tuple:
        rows, keep, used, over, left, counts = state
        number = turn * (1 if config.second_look else 2)
        final, later = number == 2, number > 2
        again = later | (number == 1)
        looks = jnp.where(later, 2 * number - 3, second_look.LOOKS["rnet"])
        kept = keep & (jnp.cumsum(keep, dtype=jnp.int32) <= capacities[number])
        # In squares, those of like sizes together: what is cut follows from the largest.
        squares = squared(rows, jnp.where(later, looks - 2, 0))
        rows = jnp.concatenate([rows, squares], axis=1)
        rows, count = ordered(rows, squares[:, 2] - squares[:, 0], kept, used)
        rows, squares = rows[:, : MARGIN + 1], rows[:, MARGIN + 1 :]
        over = over.at[1 + (number + 1) // 2].add(keep.sum(dtype=jnp.int32) - count, mode="drop")
        known = jnp.concatenate([squares, rows[:, SCORE : SCORE + 1]], axis=1)
        left = jax.lax.dynamic_update_index_in_dim(left, known, number, 0)
        windows = jnp.pad(squares, ((0, last), (0, 0)))
        mirrored = box_lib.mirror(squares[:last])
        after = jax.lax.dynamic_update_slice_in_dim(windows, mirrored, count, 0)
        windows = jnp.where(again, after, windows)
        looked = look(params, work, table, windows, count * (1 + again), number >= 2)
        counted = jnp.where(number >= 2, COUNTED["onet"], COUNTED["rnet"])
        logits = raised(looked[:, :2], windows, counted * config.size_prior)
        looked = jnp.concatenate([logits, looked[:, 2:]], axis=1)
        found, second = looked[:room], jax.lax.dynamic_slice_in_dim(looked, count, last)
        margin = second_look.margin_of(found)
        parts = [squares, jax.nn.sigmoid(margin)[:, None], found[:, 2:6]]
        parts += [rows[:, LEVEL : UNIT + 1], found[:, 6:], margin[:, None]]
        # Of another look what is said in the picture's places; the sums go on.
        said = sum(
            second_look.said(seen, heads[:, :2], heads[:, 2:6], heads[:, 6:])
            for seen, heads in ((squares[:last], found[:last]), (mirrored, second))
        )
        said = jnp.pad(said, ((0, room - last), (0, 0)))
        margins = rows[:, MARGIN:] + said[:, : second_look.MARGIN + 1]
        mean = jax.nn.sigmoid(margins / looks)
        sums = [rows[:, BOX], mean, rows[:, OFFSETS] + said[:, second_look.BOX]]
        sums += [rows[:, LEVEL : UNIT + 1], rows[:, POINTS] + said[:, second_look.POINTS], margins]
        # R-Net's changes the score alone, to the lower one.
        lower = jnp.minimum(rows[:, SCORE : SCORE + 1], mean)
        scored = [rows[:, BOX], lower, rows[:, OFFSETS.start :]]
        parts, sums, scored = (jnp.concatenate(each, axis=1) for each in (parts, sums, scored))
        rows = jnp.where(later, sums, jnp.where(again, scored, parts))
        wanted = (numbers < count) & (rows[:, SCORE] > thresholds[number])
        rows, used = ordered(rows, rows[:, SCORE], wanted, count)
        boxes = box_lib.decode_offsets(rows[:, BOX], rows[:, OFFSETS])
        boxes = jnp.where(final | again, boxes, rows[:, BOX])
        boxes = jnp.where(later, rows[:, OFFSETS] / looks, boxes)
        keep = nms(boxes, numbers < used, overlaps[number], smaller=final)
        rows = jax.lax.cond(final, elected, lambda rows, *_: rows, rows, boxes, used)
        return rows, keep, used, over, left, counts.at[number].set(count)

    def elected(rows: jax.Array, boxes: jax.Array, used: jax.Array) -> jax.Array:
        """The rows with what the windows on a face say together, as sums over one look."""
        # A vote counts by -log(1 - score): 1% better points than by score, and no worse boxes.
        weights = jnp.where(numbers < used, jax.nn.softplus(rows[:, MARGIN]), 0)[:last]
        points = box_lib.decode_landmarks(rows[:last, BOX], rows[:last, POINTS])
        means = jnp.concatenate([boxes[:last], points.reshape(-1, 10)], axis=1)
        means = vote(boxes[:last], means, weights, config.voting)
        voted = [rows[:last, : SCORE + 1], means[:, :4]]
        voted += [rows[:last, LEVEL : UNIT + 1], means[:, 4:], rows[:last, MARGIN:]]
        return jnp.pad(jnp.concatenate(voted, axis=1), ((0, room - last), (0, 0)))

    left = jnp.zeros((5, room, SCORE + 1), jnp.float32)
    used = jnp.minimum(used, room)
    state = rows, numbers < used, used, over, left, jnp.zeros(5, jnp.int32)
    turns = {"pnet": (0, 0), "rnet": (1, 2), "onet": (2, 5)}[until][config.second_look]
    if turns:
        state = jax.lax.fori_loop(jnp.int32(0), turns, play, state)
    rows, keep, used, over, left, counts = state
    left, counts = left[:3:2], counts[:3:2]
    if until != "onet":
        stage = ("pnet", "rnet").index(until)
        count = keep.sum(dtype=jnp.int32)
        kept = keep & (jnp.cumsum(keep, dtype=jnp.int32) <= capacities[2 * stage])
        rows = jnp.concatenate([squared(rows, 0), rows[:, SCORE:]], axis=1)
        rows, kept = ordered(rows, rows[:, SCORE], kept, used)
        over = over.at[1 + stage].add(count - kept)
        return Faces(rows, jnp.zeros((room, 5, 2)), kept, over, left, counts)
    rows, keep = rows[:last], keep[:last]
    looks = second_look.LOOKS["onet"] if config.second_look else 1
    windows = jnp.concatenate([rows[:, OFFSETS] / looks, rows[:, SCORE : SCORE + 1]], axis=1)
    order = jnp.argsort(~keep, stable=True)
    landmarks = (rows[:, POINTS] / looks)[order].reshape(-1, 5, 2)
    return Faces(windows[order], landmarks, keep.sum(dtype=jnp.int32), over, left, counts)
