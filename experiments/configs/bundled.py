"""The recipe of the weights that come with the package: P-Net, R-Net, and O-Net after two others.

    python -m experiments.train --config=bundled --stage=all --data_dir=DATA --workdir=RUN

P-Net and R-Net are trained with AdamW. O-Net is trained with Muon on what a P-Net and an R-Net of
their own leave, trained with Muon as well (`RUN/proposing/`), and goes behind the first two; why
those give the higher average precision is not known
(docs/experiments/2026-11-26-muons-p-net-and-r-net.md). At last the biases are set for 800, 60 and
4.32 windows a picture.

Time: the two commands that this recipe was took 95 and 88 minutes on two cores of an AMD EPYC with
AVX-512 (docs/experiments/2026-11-26-bundled-weights-training.md). This one leaves out the first
one's O-Net, so it takes less; by how much is not measured.

Commit: the weights were trained before this file, and before mining bounded the windows that it
looks at, P-Net's samples came from the half of the picture nearest in size, and negatives were
drawn in the sizes that detection meets (decision 0050). So the samples are others now. O-Net's bias
was raised by hand, to about the number of windows here.

Numbers to expect, near those of the weights (450 pictures of WIDER FACE, with voting, model card
and pictures in mtcnn_jax/weights/README.md): AP 0.829 / 0.816 / 0.603 (easy, medium, hard),
landmark errors of 0.0447 (CelebA layout, partition 1) and 0.0645 (AFLW). What this recipe gives at
full length is not measured; at a tenth of its steps it runs through, to 0.744 / 0.709 / 0.463
(docs/experiments/2026-11-27-bundled-recipe-at-a-tenth.md).
"""

from experiments.mining.config import MineConfig
from experiments.training.cascade import CascadeConfig, Proposing
from experiments.training.config import TrainConfig
from experiments.training.settings import AUGMENTS
from mtcnn_jax.training.recipe import Recipe

BATCH_SIZES = {"pnet": 512, "rnet": 512, "onet": 256}
FACE_IOU = {"pnet": 0.65, "rnet": 0.65, "onet": 0.5}


def _run(stage: str, steps: int, learning_rate: float, optimizer: str) -> TrainConfig:
    recipe = Recipe(
        stage,
        steps,
        learning_rate=learning_rate,
        optimizer=optimizer,
        face_iou=FACE_IOU[stage],
        box_loss="l1",
        landmark_loss="l1",
        auxiliary_landmarks=False,
        ema_decay=0.999,
        augment=AUGMENTS[stage],
    )
    batch_size, ratio = BATCH_SIZES[stage], (3.0, 2.0, 2.0, 4.0)
    return TrainConfig(recipe, "", "", batch_size=batch_size, ratio=ratio)


def config() -> CascadeConfig:
    """The recipe."""
    return CascadeConfig(
        pnet=_run("pnet", 40_000, 0.002, "adamw"),
        rnet=_run("rnet", 10_000, 0.001, "adamw"),
        onet=_run("onet", 12_000, 0.003, "muon"),
        mining=MineConfig("", about_faces=True),
        windows_per_picture=(500.0, 40.0),
        final_windows=(800.0, 60.0, 4.32),
        proposing=Proposing(
            pnet=_run("pnet", 25_000, 0.01, "muon"),
            rnet=_run("rnet", 10_000, 0.01, "muon"),
            windows_per_picture=(600.0, 50.0),
        ),
    )
