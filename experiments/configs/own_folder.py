"""Pictures of one's own, from the bundled weights on.

    python -m data.prepare --dataset=folder --pictures=MINE --labels=labels.json --data_dir=DATA
    python -m experiments.train --config=own_folder --stage=all --data_dir=DATA --workdir=RUN

Every face has to be labelled, since the rest becomes negatives. Faces with five points train the
points; where there are none, no points are trained. docs/guides/own-data.md goes through it, with
the check of the labels that comes first.

Fewer steps than from scratch, at a third of the rates.

Time: five minutes of two cores for 400 pictures, if nothing else runs on them. Numbers to expect:
AP from 0.000 to 0.738 on pictures that the first bundled weights found nothing on, and most of what
they knew of other pictures forgotten (docs/experiments/2026-11-27-fine-tuning-on-masked-faces.md).
"""

import dataclasses

from experiments.mining.config import MineConfig
from experiments.training.cascade import CascadeConfig
from experiments.training.config import TrainConfig
from experiments.training.settings import default_run


def _run(
    stage: str, steps: int, learning_rate: float, face_iou: float, batch_size: int
) -> TrainConfig:
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
    ratio = (3.0, 2.0, 2.0, 4.0)
    return dataclasses.replace(run, init="bundled", batch_size=batch_size, ratio=ratio)


def config() -> CascadeConfig:
    """The recipe."""
    return CascadeConfig(
        pnet=_run("pnet", 3_000, 0.003, 0.65, 512),
        rnet=_run("rnet", 1_000, 0.003, 0.65, 512),
        onet=_run("onet", 1_000, 0.001, 0.5, 128),
        mining=MineConfig("", wider="folder", celeb=""),
        windows_per_picture=(800.0, 60.0),
    )
