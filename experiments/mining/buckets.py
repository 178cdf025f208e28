"""Detection in many pictures of many sizes, where an accelerator would wait for the compiler."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np

from mtcnn_jax import DetectConfig
from mtcnn_jax.detect import detect_stages
from mtcnn_jax.runtime.buckets import by_canvas, canvases_for_many

MEMORY = 6 * 2**30
"""Bytes that an accelerator is to have for each canvas shape in progress: 16 pictures of 1024x768
take 1.2 GiB until R-Net by the compiler's account, of 1600x1200 two and a half times that."""


def workers() -> int:
    """How many canvas shapes may be looked at side by side: one on a CPU, whose cores are busy."""
    device = jax.local_devices()[0]
    if device.platform == "cpu":
        return 1
    return max(1, (device.memory_stats() or {}).get("bytes_limit", 0) // MEMORY)


def stages_by_canvas(
    params: dict, images: Sequence[np.ndarray], config: DetectConfig, *, until: str
) -> list[dict[str, np.ndarray]]:
    """`mtcnn_jax.detect_stages` with a thread for each canvas shape, each of which compiles anew.

    Args:
        params: of the networks up to `until`.
        images: uint8 [h, w, 3] each.
        config: how to look.
        until: the last stage to run.

    Returns:
        As `detect_stages`.
    """
    found: dict[int, dict[str, np.ndarray]] = {}
    canvases = canvases_for_many()

    def look(rows: list[int]) -> None:
        chosen = [images[row] for row in rows]
        stages = detect_stages(params, chosen, config, until=until, canvases=canvases)
        found.update(zip(rows, stages, strict=True))

    with ThreadPoolExecutor(workers()) as pool:
        list(pool.map(look, by_canvas(images, canvases).values()))
    return [found[row] for row in range(len(images))]
