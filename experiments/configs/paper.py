"""What the paper says, as far as it says it; every field can be a flag beside it.

    python -m experiments.train --config=paper --stage=all --data_dir=DATA --workdir=RUN

The paper says: the three losses and their weights (sections III.B and III.C), hard mining of the
hardest 70% of a batch (III.C), samples in proportions of 3:1:1:2 and the IoUs that make their kinds
(III.A, IV), samples of R-Net and O-Net from the stages before (IV), and stochastic gradient descent
(III.B). Of rate, momentum, batch, length and augmentation it says nothing: here they are 0.01 with
a momentum of 0.9, 512 samples a step (O-Net 256), the lengths that two cores finish in an hour and
a half (decision 0032), and no augmentation.

Time and numbers to expect: not measured as a whole. The same lengths with Muon and augmentation
took 86 minutes on two cores and 8 on an H100 (docs/experiments/2026-11-26-default-run-*.md), with
the pictures of the bundled weights' model card. Without `--config` these steps are trained with
Muon and augmented, which learns more.
"""

from experiments.mining.config import MineConfig
from experiments.training.cascade import CascadeConfig
from experiments.training.config import TrainConfig
from mtcnn_jax.training.recipe import Recipe


def _run(stage: str, steps: int, batch_size: int) -> TrainConfig:
    recipe = Recipe(
        stage,
        steps,
        learning_rate=0.01,
        optimizer="sgd",
        ohem_ratio=0.7,
        box_loss="l2",
        landmark_loss="l2",
        auxiliary_landmarks=True,
        augment=None,
    )
    return TrainConfig(recipe, "", "", batch_size=batch_size, ratio=(3.0, 1.0, 1.0, 2.0))


def config() -> CascadeConfig:
    """The recipe."""
    return CascadeConfig(
        pnet=_run("pnet", 12_000, 512),
        rnet=_run("rnet", 5_000, 512),
        onet=_run("onet", 5_000, 256),
        mining=MineConfig("", balance=0),
    )
