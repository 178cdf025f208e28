"""Pictures of one's own with boxes, from the bundled weights on.

    python -m data.prepare --dataset=wider_face --manual_dir=MINE --data_dir=DATA
    python -m experiments.train --config=own_folder --stage=all --data_dir=DATA --workdir=RUN

MINE is laid out as WIDER FACE's archives: pictures in WIDER_train/images/EVENT/NAME.jpg and
WIDER_val/images/EVENT/NAME.jpg, as folders or ZIPs, and wider_face_split.zip with the labels in
wider_face_split/wider_face_train_bbx_gt.txt and wider_face_val_bbx_gt.txt. Every face has to be
labelled, since the rest becomes negatives.

There are no points in such labels, so no landmark samples: the ratio is 3:2:2:0. O-Net starts from
the bundled weights' points and forgets some of them, how much is not measured. With CelebA prepared
beside it in DATA, `--ratio=3:2:2:4` trains them as well.

Time and numbers to expect: not measured; they depend on the pictures. Fewer steps than from
scratch, at a third of the rates.
"""

import dataclasses

from experiments.mining.config import MineConfig
from experiments.training.cascade import CascadeConfig
from experiments.training.config import TrainConfig
from experiments.training.settings import default_run


def _run(stage: str, steps: int, learning_rate: float, face_iou: float) -> TrainConfig:
    run = default_run(
        stage,
        steps=steps,
        learning_rate=learning_rate,
        face_iou=face_iou,
        box_loss="l1",
        landmark_loss="l1",
        auxiliary_landmarks=False,
        ema_decay=0.999,
    )
    return dataclasses.replace(run, init="bundled", ratio=(3.0, 2.0, 2.0, 4.0))


def config() -> CascadeConfig:
    """The recipe."""
    return CascadeConfig(
        pnet=_run("pnet", 3_000, 0.003, 0.65),
        rnet=_run("rnet", 1_000, 0.003, 0.65),
        onet=_run("onet", 500, 0.001, 0.5),
        mining=MineConfig("", wider="folder", celeb=""),
        windows_per_picture=(800.0, 60.0),
    )
