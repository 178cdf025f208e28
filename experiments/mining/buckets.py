"""Detection in many pictures of many sizes, where an accelerator would wait for the compiler."""

import contextlib
import threading
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np
import tqdm

from mtcnn_jax import DetectConfig
from mtcnn_jax.detect import detect_stages
from mtcnn_jax.runtime.buckets import buckets_for_many, by_bucket

MEMORY = 6 * 2**30
"""Bytes that an accelerator is to have for each bucket in progress: 16 pictures of 1024x768
take 1.2 GiB until R-Net by the compiler's account, of 1600x1200 two and a half times that."""


def workers() -> int:
    """How many buckets may be looked at side by side: one on a CPU, whose cores are busy."""
    device = jax.local_devices()[0]
    if device.platform == "cpu":
        return 1
    return max(1, (device.memory_stats() or {}).get("bytes_limit", 0) // MEMORY)


@contextlib.contextmanager
def overflow_is_meant() -> Iterator[None]:
    """Keeps quiet on windows of low score that are dropped, where that is what capacities are for.

    The warning's advice is for those who choose the settings of a detection.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* went over the capacities ", UserWarning)
        yield


def stages_by_bucket(
    params: dict,
    images: Sequence[np.ndarray],
    config: DetectConfig,
    *,
    until: str,
    told: str | None = None,
) -> list[dict[str, np.ndarray]]:
    """`mtcnn_jax.detect_stages` with a thread for each bucket, each of which compiles anew.

    Args:
        params: of the networks up to `until`.
        images: uint8 [h, w, 3] each.
        config: how to look.
        until: the last stage to run.
        told: what a progress bar calls it; None for no bar.

    Returns:
        As `detect_stages`.
    """
    found: dict[int, dict[str, np.ndarray]] = {}
    buckets = buckets_for_many()

    # Enough at once for an accelerator's batches; a CPU looks at one after the other.
    count = 16 if jax.default_backend() == "cpu" else 256
    stopped = threading.Event()
    with (
        ThreadPoolExecutor(workers()) as pool,
        tqdm.tqdm(desc=told, total=len(images), unit="picture", disable=told is None) as bar,
    ):

        def look(rows: list[int]) -> None:
            for start in range(0, len(rows), count):
                if stopped.is_set():
                    return
                part = rows[start : start + count]
                chosen = [images[row] for row in part]
                stages = detect_stages(params, chosen, config, until=until, buckets=buckets)
                found.update(zip(part, stages, strict=True))
                bar.update(len(part))

        try:
            list(pool.map(look, by_bucket(images, buckets).values()))
        finally:
            stopped.set()  # Else Ctrl-C would wait for all pictures of a bucket.
    return [found[row] for row in range(len(images))]
