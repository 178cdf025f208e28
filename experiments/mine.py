"""Makes the samples of a stage: random windows for P-Net, the stages before for R-Net and O-Net.

    python -m experiments.mine --stage=rnet --weights=pnet.npz --data_dir=DIR
    --output=SAMPLES/rnet/train

Faces of WIDER FACE give negatives, parts and positives; faces of CelebA the landmark samples. Work
is saved in shards of pictures: a run that was interrupted goes on with the first shard that is
missing, and each picture's randomness follows from the seed and its number, so both give the same
samples.
"""

import dataclasses
import math
import os
import pathlib
import shutil
import warnings
from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np
import tqdm
from absl import app, flags

from data import records, sampling
from data.batches import gather
from data.samples import concatenate, load_samples, merge_samples, save_samples
from experiments.canvases import stages_by_canvas
from experiments.command import run_command
from experiments.compilations import keep_compilations
from experiments.validation import score
from mtcnn_jax import DetectConfig, keep_memory, load_params, read_image, spare_mappings
from mtcnn_jax.layers import INPUT_SIZE
from mtcnn_jax.samples import LANDMARK, NEGATIVE, PART, POSITIVE, Samples

SHARD = 256
"""Pictures between two saves."""

STAGES = tuple(INPUT_SIZE)


@dataclasses.dataclass(frozen=True)
class MineConfig:
    """What to make samples of, and how many.

    Attributes:
        data_dir: folder that the data sets were prepared in.
        wider: name of the data set with boxes of all faces; "" for none.
        celeb: name of the data set with landmarks; "" for none.
        seed: of all randomness.
        min_face_size: side of the smallest windows looked at, in pixels.
        smallest_face: longer side of the smallest face that makes samples, in pixels; smaller ones
            are ignored.
        thresholds: of P-Net and R-Net when they propose windows; below those of detection, so
            that the next stage also sees what they are less sure of.
        proposed: windows that R-Net leaves of one picture at most, those of highest score; of
            P-Net's twice as many. Crowds have thousands, and took half the time of mining.
        negatives: at most, for each picture.
        positives: at most, for each face of `smallest_face` pixels; parts alike.
        jittered: windows about each such face, twice over, beside those detected.
        landmark_windows: for each such face with landmarks.
        balance: power of its side with which a larger face gets more of them, and a larger detected
            window is chosen more often; 0 counts all alike. Most faces of a picture are its small
            ones, so without it the networks see few large ones.
        pool: how many times `negatives` a judge chooses from; a judge is the network itself,
            from an earlier round.
        hard: share of the negatives that are those the judge scores highest; the rest are random.
        trim: score above which the judge's negatives are left out, as likely faces without a label.
        limit: pictures of each data set to use; 0 for all.
    """

    data_dir: str
    wider: str = "wider_face"
    celeb: str = "celeb_a_wild"
    seed: int = 0
    min_face_size: float = 16
    smallest_face: float = 15
    thresholds: tuple[float, float] = (0.5, 0.3)
    proposed: int = 1024
    negatives: int = 100
    positives: int = 3
    jittered: int = 10
    landmark_windows: int = 2
    balance: float = 1
    pool: int = 4
    hard: float = 0.5
    trim: float = 0.95
    limit: int = 0

    def __post_init__(self):
        counts = ("seed", "negatives", "positives", "jittered", "landmark_windows", "limit")
        ranges = {
            **{name: (0 <= getattr(self, name), "0 or more") for name in counts},
            "proposed": (self.proposed >= 1, "1 or more"),
            "pool": (self.pool >= 1, "1 or more"),
            "min_face_size": (12 <= self.min_face_size < math.inf, "12 pixels or more"),
            "smallest_face": (0 <= self.smallest_face < math.inf, "0 pixels or more"),
            "balance": (0 <= self.balance < math.inf, "0 or more"),
            "hard": (0 <= self.hard <= 1, "0 to 1"),
            "trim": (0 <= self.trim <= 1, "0 to 1"),
            "thresholds": (
                len(self.thresholds) == 2 and all(0 <= score < 1 for score in self.thresholds),
                "two scores from 0 to below 1",
            ),
        }
        for name, (fine, accepted) in ranges.items():
            if not fine:
                raise ValueError(f"{name} is {getattr(self, name)}; accepted is {accepted}")


def proposals(stage: str, params, images: list[np.ndarray], config: MineConfig) -> list[np.ndarray]:
    """Windows [n, 4] of each picture that the stages before `stage` leave."""
    if stage == "pnet":
        return [np.zeros((0, 4), np.float32) for _ in images]
    before = STAGES[STAGES.index(stage) - 1]
    looking = DetectConfig(
        min_face_size=config.min_face_size,
        thresholds=(*config.thresholds, 0.0),
        capacities=(16 * config.proposed, 2 * config.proposed, config.proposed),
        retries=0,
    )
    with warnings.catch_warnings():
        # That windows of low score are dropped is what `proposed` says.
        warnings.filterwarnings("ignore", ".* went over the capacities ", UserWarning)
        found = stages_by_canvas(params, images, looking, until=before)
    return [stages[before][:, :4] for stages in found]


def picture_windows(
    stage: str,
    picture: records.Picture,
    size: tuple[int, int],
    proposed: np.ndarray,
    config: MineConfig,
    rng: np.random.Generator,
    *,
    negatives: int,
) -> sampling.Windows:
    """The labelled windows chosen from one picture: proposed, random, and jittered faces."""
    sides = picture.boxes[:, 2:] - picture.boxes[:, :2]
    ignored = picture.ignored | (sides.max(axis=1, initial=0) < config.smallest_face)
    faces = picture.boxes[~ignored]
    larger = sides.max(axis=1, initial=1)[~ignored] / max(config.smallest_face, 1)
    each = larger**config.balance
    jittered = np.round(config.jittered * each).astype(int)
    around = [
        sampling.squares_around(faces, jittered, rng, shift=0.15, stretch=1.25),
        sampling.squares_around(faces, jittered, rng, shift=0.35, stretch=1.5),
    ]
    if stage == "pnet" and picture.exhaustive:
        smallest = config.min_face_size
        around.append(sampling.random_squares(size, 4 * negatives, rng, smallest=smallest))
        around.append(sampling.squares_around(faces, 4, rng, shift=0.9, stretch=2.5))
    labelled = [
        sampling.label(
            windows, picture.boxes, ignored, picture.landmarks, exhaustive=picture.exhaustive
        )
        for windows in (proposed, np.concatenate(around))
    ]
    if not picture.exhaustive:
        # Detected windows first, parts among them: faces lie 5% of the side higher in those than in
        # squares about their boxes, and landmarks are read off parts too.
        count = round(config.landmark_windows * each.sum())
        points = sampling.as_landmarks(labelled[0], kinds=(POSITIVE, PART))
        detected = sampling.choose(points, {LANDMARK: count}, rng)
        left = {LANDMARK: count - len(detected.kinds)}
        others = sampling.choose(sampling.as_landmarks(labelled[1]), left, rng)
        return sampling.merge([detected, others])
    # Half of the positives and parts are detected windows where there are enough of them.
    count = round(config.positives * each.sum())
    limits = {NEGATIVE: negatives, POSITIVE: count // 2, PART: count // 2}
    detected = sampling.choose(labelled[0], limits, rng, balance=config.balance)
    left = {kind: count - int((detected.kinds == kind).sum()) for kind in (POSITIVE, PART)}
    if stage == "pnet":
        left[NEGATIVE] = negatives
    return sampling.merge([detected, sampling.choose(labelled[1], left, rng)])


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

    # Pillow, which reads the pictures and cuts P-Net's windows, leaves the interpreter to others
    # meanwhile; what JAX cuts on a CPU fills the machine by itself.
    in_turn = stage != "pnet" and jax.default_backend() == "cpu"
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        images = list(pool.map(lambda picture: read_image(picture[1].encoded), pictures))
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


def mine_stage(
    config: MineConfig, stage: str, params, output: str, *, split: str = "train", judge=None
) -> pathlib.Path:
    """Makes the samples of one stage from one split of the data sets.

    Args:
        config: what to make samples of.
        stage: "pnet", "rnet" or "onet".
        params: of the stages before.
        output: folder for the samples; one that is complete is left as it is.
        split: "train" or "validation".
        judge: parameters of `stage` itself from an earlier round, which choose the negatives.

    Returns:
        The folder.
    """
    output = pathlib.Path(output)
    if (output / "samples.json").exists():
        return output
    shards = output.with_name(output.name + ".shards")
    shards.mkdir(parents=True, exist_ok=True)
    number, paths = 0, []
    for dataset in filter(None, (config.wider, config.celeb)):
        pictures = records.read_pictures(dataset, split=split, data_dir=config.data_dir)
        count = min(len(pictures), config.limit or len(pictures))
        bar = tqdm.trange(0, count, SHARD, desc=f"{stage} {split} {dataset}", unit="shard")
        for start in bar:
            members = range(start, min(start + SHARD, count))
            path = shards / f"{dataset}-{start:06d}"
            paths.append(path)
            if not path.exists():
                numbered = [(number + index, pictures[index]) for index in members]
                samples = mine_shard(stage, params, numbered, config, judge)
                save_samples(path, samples, {})
                spare_mappings()
        number += count
    info = {"stage": stage, "split": split, **dataclasses.asdict(config)}
    merge_samples(output, [load_samples(path) for path in paths], info)
    shutil.rmtree(shards)
    return output


def stages_before(stage: str) -> tuple[str, ...]:
    """The stages whose weights proposing windows for `stage` takes."""
    return STAGES[: STAGES.index(stage)]


def define_flags() -> None:
    """Defines the command's flags: its own, and one for each field of `MineConfig`."""
    flags.DEFINE_enum("stage", None, STAGES, "Network to make samples for.", required=True)
    flags.DEFINE_list("weights", [], "Weights (.npz) of the stages before: a file, or one each.")
    flags.DEFINE_string("judge", "", "Weights (.npz) of the stage from an earlier round.")
    flags.DEFINE_string("output", None, "Folder; samples go to <stage>/<split>.", required=True)
    flags.DEFINE_list("splits", ["train", "validation"], "Splits to make samples of.")
    for field in dataclasses.fields(MineConfig):
        if field.name == "data_dir":
            flags.DEFINE_string("data_dir", None, "Folder of the prepared data.", required=True)
        elif field.name == "thresholds":
            flags.DEFINE_list("thresholds", list(map(str, field.default)), "Of P-Net, R-Net.")
        else:
            define = {
                str: flags.DEFINE_string,
                int: flags.DEFINE_integer,
                float: flags.DEFINE_float,
            }
            define[field.type](field.name, field.default, f"See MineConfig.{field.name}.")


def mine_all(values: flags.FlagValues) -> None:
    """Makes the samples of every split that the flags ask for, and prints their folders."""
    keep_compilations()
    keep_memory()
    settings = {field.name: values[field.name].value for field in dataclasses.fields(MineConfig)}
    settings["thresholds"] = tuple(float(score) for score in settings["thresholds"])
    config, stage = MineConfig(**settings), values.stage
    params, before = {}, stages_before(stage)
    paths = values.weights * (len(before) if len(values.weights) == 1 else 1)
    if len(paths) != len(before):
        raise ValueError(
            f"--weights names {len(values.weights)} files; accepted for {stage}: one with "
            f"{', '.join(before) or 'nothing'}, or one for each"
        )
    for name, path in zip(before, paths, strict=True):
        params |= load_params(path, stages=(name,))
    judge = load_params(values.judge, stages=(stage,))[stage] if values.judge else None
    for split in values.splits:
        output = pathlib.Path(values.output) / stage / split
        print(mine_stage(config, stage, params, output, split=split, judge=judge))


def main(argv: list[str]) -> int:
    """Runs the command with absl's flags."""
    return run_command(argv, lambda: mine_all(flags.FLAGS), quiet=True)


if __name__ == "__main__":
    define_flags()
    app.run(main)
