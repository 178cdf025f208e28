"""The whole cascade on a picture of any size: what is compiled once."""

from typing import Any

import jax
import jax.numpy as jnp

from mtcnn_jax.anysize import workspace
from mtcnn_jax.anysize.judge import Faces, judged
from mtcnn_jax.anysize.layout import Table
from mtcnn_jax.anysize.scan import SCORE, Work, scanned
from mtcnn_jax.cascade.boxes import clip_boxes
from mtcnn_jax.cascade.stages import Detections
from mtcnn_jax.config import DetectConfig
from mtcnn_jax.networks.forward import as_float32

Params = Any


def looked(
    params: Params,
    work: Work,
    chunk: jax.Array,
    at: jax.Array,
    table: Table,
    counts: jax.Array,
    last: jax.Array,
    config: DetectConfig,
    *,
    wanted: str = "faces",
) -> tuple[Work, jax.Array, Any]:
    """Looks at a picture whose last numbers are `chunk`, through one of its tables.

    Args:
        params: of the networks up to that stage, of any float dtype; computed with as float32.
        work: memory with the picture's other numbers in it.
        chunk: uint8 [workspace.CHUNK], the last ones of the picture.
        at: int32 [], where they go.
        table: of the picture.
        counts: int32 [2], what its earlier tables gave; zeros for the first.
        last: bool [], whether it is the last.
        config: how to look; `min_face_size` and `scale_factor` are in the table.
        wanted: "faces", or the last stage to run, for what each stage leaves.

    Returns:
        The memory, the counts and, after the last table, what `faces` or `stages` gives. Where
        windows went over the first capacity and there are retries, that is of no window.
    """
    params = as_float32(params)
    total = 3 * table.size[0] * table.size[1]
    mips = workspace.halved(workspace.loaded(work.mips, chunk, at, total), table)
    work = work._replace(mips=mips)
    work, counts = scanned(
        params["pnet"], work, table, counts, config.thresholds[0], config.size_prior
    )
    judges, seen = last, work
    if config.retries:
        first = config.capacities[0]
        judges &= counts[1] <= first
        seen = work._replace(store=work.store[:first])
    found = _result(params, seen, table, jnp.where(judges, counts, 0), config, wanted)
    return work, counts, found


def judged_again(
    params: Params,
    work: Work,
    table: Table,
    counts: jax.Array,
    config: DetectConfig,
    *,
    wanted: str = "faces",
) -> Any:
    """The result of `looked` at larger capacities, from what P-Net found before."""
    return _result(as_float32(params), work, table, counts, config, wanted)


def _result(
    params: Params, work: Work, table: Table, counts: jax.Array, config: DetectConfig, wanted: str
) -> Any:
    until = "onet" if wanted == "faces" else wanted
    found = judged(params, work, table, counts, config, until=until)
    return faces(found, table.size) if wanted == "faces" else stages(found)


def faces(found: Faces, size: jax.Array) -> Detections:
    """What `cascade.stages.detect_padded` gives; what follows the valid ones means nothing."""
    valid = jnp.arange(len(found.windows), dtype=jnp.int32) < found.count
    boxes = clip_boxes(found.windows[:, :4], size)
    return Detections(boxes, found.windows[:, SCORE], found.landmarks, valid, found.overflow)


def stages(found: Faces) -> tuple:
    """Windows and counts of each stage, and the overflow."""
    return found.left, found.counts, found.windows[:, :5], found.count, found.overflow
