"""The samples of a stage, made and saved in shards of pictures.

A run that was interrupted goes on with the first shard that is missing, and each picture's
randomness follows from the seed and its number, so both give the same samples.
"""

import dataclasses
import functools
import os
import pathlib
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np
import tqdm
from absl import logging

from data import records, sampling
from data.batches import gather
from data.samples import (
    check_empty,
    concatenate,
    load_samples,
    merge_samples,
    save_samples,
)
from experiments.cluster.agreement import agree, agreed, is_first
from experiments.mining.buckets import overflow_is_meant, stages_by_bucket
from experiments.mining.config import MineConfig
from experiments.mining.origin import check_samples_are_of, origin_of_samples, read_origin
from experiments.mining.processes import call_in_processes
from experiments.mining.textures import Textures
from experiments.mining.windows import picture_windows
from mtcnn_jax import DetectConfig
from mtcnn_jax.networks.layers import INPUT_SIZE
from mtcnn_jax.runtime import spare_mappings
from mtcnn_jax.training.inference import score
from mtcnn_jax.training.samples import NEGATIVE, Samples

SHARD = 256
"""Pictures between two saves."""

STAGES = tuple(INPUT_SIZE)


def proposals(stage: str, params, images: list[np.ndarray], config: MineConfig) -> list[np.ndarray]:
    """Windows [n, 4] of each picture that the stages before `stage` leave."""
    if stage == "pnet" or config.random_windows:
        return [np.zeros((0, 4), np.float32) for _ in images]
    before = STAGES[STAGES.index(stage) - 1]
    found = []
    for look in range(config.looks):
        looking = DetectConfig(
            # Levels of a pyramid are half an octave apart.
            min_face_size=config.min_face_size * 2 ** (look / (2 * config.looks)),
            thresholds=(*config.thresholds, 0.0),
            capacities=(16 * config.proposed, 2 * config.proposed, config.proposed),
            retries=0,
        )
        with overflow_is_meant():
            stages = stages_by_bucket(params, images, looking, until=before)
        found.append([windows[before][:, :4] for windows in stages])
    return [np.concatenate(windows) for windows in zip(*found, strict=True)]


def mine_shard(
    stage: str,
    params,
    pictures: list[tuple[int, records.Picture]],
    config: MineConfig,
    judge=None,
) -> Samples:
    """The samples of some numbered pictures; see `mine_stage` for the arguments."""

    def make(row: int) -> Samples:
        number, picture = pictures[row]
        rng = np.random.default_rng([config.seed, STAGES.index(stage), number])
        size = images[row].shape[:2]
        negatives = config.negatives * (1 if judge is None else config.pool)
        windows = picture_windows(
            stage, picture, size, proposed[row], config, rng, negatives=negatives
        )
        samples = sampling.cut(images[row], windows, crop_size=INPUT_SIZE[stage])
        if judge is not None and picture.exhaustive:
            samples = gather(samples, _judged(stage, judge, samples, config, rng))
        return samples

    # What JAX cuts on a CPU fills the machine by itself, and P-Net's shards go to processes.
    in_turn = stage == "pnet" or jax.default_backend() == "cpu"
    with ThreadPoolExecutor(1 if stage == "pnet" else os.cpu_count()) as pool:
        images = list(pool.map(lambda picture: records.read_pixels(picture[1]), pictures))
        proposed = proposals(stage, params, images, config)
        apply = map if in_turn else pool.map
        parts = list(apply(make, range(len(pictures))))
    return concatenate(parts)


def _judged(
    stage: str, judge, samples: Samples, config: MineConfig, rng: np.random.Generator
) -> np.ndarray:
    """The indices of a picture's samples that stay: all but the negatives that are not chosen."""
    negative = np.flatnonzero(samples.kinds == NEGATIVE)
    scores = score(stage, judge, samples.patches[negative])
    negative, scores = negative[scores <= config.trim], scores[scores <= config.trim]
    order = negative[np.argsort(-scores, kind="stable")]
    count = round(config.hard * config.negatives)
    others = rng.permutation(order[count:])[: config.negatives - count]
    kept = np.flatnonzero(samples.kinds != NEGATIVE)
    return np.sort(np.concatenate([kept, order[:count], others]))


@dataclasses.dataclass(frozen=True)
class Shard:
    """Pictures between two saves.

    Attributes:
        path: folder of their samples.
        dataset: that they are of.
        split: likewise.
        members: their places in it.
        first: the number that the data set's first picture has among those of all.
    """

    path: pathlib.Path
    dataset: str
    split: str
    members: range
    first: int

    def is_done(self, origin: dict) -> bool:
        """Whether whole samples are there; those of another origin raise ValueError."""
        if not self.path.exists():
            return False
        try:
            load_samples(self.path)
            before = read_origin(self.path / "samples.json")
            if "stage" not in before:
                raise ValueError(f"{self.path} does not tell what it was made of")
        except (FileNotFoundError, ValueError) as error:
            logging.warning("%s: it is made again", error)
            return False
        check_samples_are_of(self.path, before, origin)
        return True

    def mine(
        self, stage: str, config: MineConfig, origin: dict, pictures, params=None, judge=None
    ) -> None:
        """Makes and saves the samples; see `mine_stage` for the arguments."""
        numbered = [(self.first + index, pictures[index]) for index in self.members]
        samples = mine_shard(stage, params, numbered, config, judge)
        # One may have come meanwhile from a process of a run that was killed.
        save_samples(self.path, samples, origin, replace=True)
        spare_mappings()


def open_pictures(
    config: MineConfig, stage: str, split: str
) -> dict[str, Sequence[records.Picture]]:
    """The pictures that samples are made of, by the names of their sets."""
    opened = {
        dataset: records.read_pictures(dataset, split=split, data_dir=config.data_dir)
        for dataset in filter(None, (config.wider, config.celeb))
    }
    if config.textures and (stage, split) == ("onet", "train"):
        opened["textures"] = Textures(config.textures, seed=config.seed)
    return opened


_opened = functools.lru_cache(maxsize=2)(open_pictures)


def _mine_alone(shard: Shard, stage: str, config: MineConfig, origin: dict) -> None:
    """`Shard.mine` in a process of its own."""
    shard.mine(stage, config, origin, _opened(config, stage, shard.split)[shard.dataset])


def mine_stage(
    config: MineConfig, stage: str, params, output: str, *, split: str = "train", judge=None
) -> pathlib.Path:
    """Makes the samples of one stage from one split of the data sets.

    Several processes that were joined make them together, in a folder that all of them see.

    Args:
        config: what to make samples of.
        stage: "pnet", "rnet" or "onet".
        params: of the stages before.
        output: folder for the samples; one that is complete is left as it is, if it was made of
            the same.
        split: "train" or "validation".
        judge: parameters of `stage` itself from an earlier round, which choose the negatives.

    Returns:
        The folder.

    Raises:
        FileExistsError: if the folder holds something else.
        FileNotFoundError: if a data set is not prepared.
        ValueError: if the folder, or a shard of it, was made with other settings or weights, or of
            other pictures; the message names what differs.
    """
    output = pathlib.Path(output)
    folder = output.with_name(output.name + ".shards")
    first, shards, opened = 0, [], open_pictures(config, stage, split)
    for dataset, pictures in opened.items():
        count = min(len(pictures), config.limit or len(pictures))
        for start in range(0, count, SHARD):
            members = range(start, min(start + SHARD, count))
            path = folder / f"{dataset}-{start:06d}"
            shards.append(Shard(path, dataset, split, members, first))
        first += count
    origin = origin_of_samples(config, stage, split, params, judge, opened)
    with agreed():
        finished = (output / "samples.json").exists()
        if finished:
            check_samples_are_of(output, read_origin(output / "samples.json"), origin)
        else:
            check_empty(output)
    agree({"finished": finished}, f"sees {output}")
    with agreed():
        # Of several processes each makes every so manieth shard.
        own = [] if finished else shards[jax.process_index() :: jax.process_count()]
        _mine(own, config, stage, origin, opened, params, judge)
    with agreed():
        if is_first():
            if not finished:
                merge_samples(output, [load_samples(shard.path) for shard in shards], origin)
            shutil.rmtree(folder, ignore_errors=True)
    return output


def _mine(
    shards: Sequence[Shard], config: MineConfig, stage: str, origin: dict, opened, params, judge
) -> None:
    """Makes those of the shards that are not there; see `mine_stage` for the arguments."""
    if not shards:
        return
    left = [shard for shard in shards if not shard.is_done(origin)]
    # Pillow is called for each of P-Net's windows, which keeps the interpreter: two threads took as
    # long as one.
    alone = stage == "pnet" and judge is None
    workers = min(os.cpu_count() or 1, len(left)) if alone else 1
    with tqdm.tqdm(desc=f"{stage} {origin['split']}", total=len(shards), unit="shard") as bar:
        bar.update(len(shards) - len(left))
        if workers > 1:
            calls = [(shard, stage, config, origin) for shard in left]
            call_in_processes(_mine_alone, calls, workers=workers, done=bar.update)
        else:
            for shard in left:
                shard.mine(stage, config, origin, opened[shard.dataset], params, judge)
                bar.update()
