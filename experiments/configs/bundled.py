"""The recipe of the weights that come with the package.

    python -m experiments.train --config=bundled --stage=all --data_dir=DATA --workdir=RUN

A first P-Net judges the negatives of the second: the hardest that it finds in whole pyramids are
learned as well as random ones (docs/design/0050-samples-as-detection-draws-them.md). Three pyramids
a picture give more positives, and parts that fit a narrow face as well as a square can are counted
as faces (docs/design/0023-what-counts-as-a-face.md). R-Net goes on from one that knew no graded
parts, and O-Net, at a lower rate, from one of the same kind. At last the biases are set for 425,
35.5 and 4.5 windows a picture.

Time: about 87 minutes on two cores of an AMD EPYC with AVX-512, by its parts. The weights that come
with the package were trained in these parts, on two machines, not by one run of the command
(docs/experiments/2026-11-28-graded-bundled-weights.md tells what was other).

Numbers to expect, those of the weights (450 pictures of WIDER FACE, with detection's defaults,
model card in mtcnn_jax/weights/README.md): AP 0.860 / 0.833 / 0.613 (easy, medium, hard), 0.632 at
IoU 0.7, landmark errors of 0.0453 (CelebA layout, partition 1) and 0.0619 (AFLW).
"""

import dataclasses

from experiments.mining.config import MineConfig
from experiments.training.cascade import CascadeConfig
from experiments.training.config import TrainConfig
from experiments.training.settings import AUGMENTS
from mtcnn_jax.training.recipe import Recipe

BATCH_SIZES = {"pnet": 512, "rnet": 512, "onet": 256}
LEARNING_RATE = {"pnet": 0.01, "rnet": 0.01, "onet": 0.003}
OHEM_RATIO = {"pnet": 0.7, "rnet": 1.0, "onet": 0.7}
RATIO = {"pnet": (3.0, 2.0, 2.0, 0.0), "rnet": (3.0, 2.0, 2.0, 0.0), "onet": (3.0, 2.0, 2.0, 4.0)}


def _run(stage: str, steps: int, *, learning_rate: float | None = None) -> TrainConfig:
    recipe = Recipe(
        stage,
        steps,
        learning_rate=learning_rate or LEARNING_RATE[stage],
        ohem_ratio=OHEM_RATIO[stage],
        square_share=0.85,
        box_loss="l1",
        landmark_loss="l1",
        auxiliary_landmarks=False,
        ema_decay=0.999,
        augment=AUGMENTS[stage],
    )
    return TrainConfig(recipe, "", "", batch_size=BATCH_SIZES[stage], ratio=RATIO[stage])


def _graded(run: TrainConfig, **augment: float) -> TrainConfig:
    augmented = dataclasses.replace(run.recipe.augment, **augment)
    recipe = dataclasses.replace(run.recipe, graded_from=0.4, augment=augmented)
    return dataclasses.replace(run, recipe=recipe)


def config() -> CascadeConfig:
    """The recipe."""
    return CascadeConfig(
        judging=_run("pnet", 6_000),
        pnet=_run("pnet", 8_000),
        starting_rnet=_run("rnet", 12_000),
        rnet=_graded(_run("rnet", 4_000), rotation=15.0),
        starting_onet=_graded(_run("onet", 6_500), plain=0.6, rotation=20.0),
        onet=_graded(_run("onet", 2_500, learning_rate=0.001), plain=0.6, rotation=20.0),
        mining=MineConfig(
            "",
            thresholds=(0.5, 0.5),
            min_face_size=20,
            looks=3,
            positives=6,
            pool=10,
            trim=1.0,
            textures=1_200,
        ),
        windows_per_picture=(460.0, 40.0),
        final_windows=(425.0, 35.5, 4.5),
    )
