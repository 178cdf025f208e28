"""Small and short: to see all of it run, from pictures to weights, before a long run.

    python -m experiments.train --config=quick --stage=all --data_dir=DATA --workdir=RUN

It looks at the first 100 pictures of each data set and trains for 600, 300 and 200 steps. The
weights find large faces, if any; they are not for use.

Time: 14 minutes on two cores of which other work left it about a quarter, most of it compiling for
the mining of R-Net and O-Net; alone it is not measured. Numbers to expect: O-Net's loss falls to
about 0.5, with the pictures of the bundled weights' model card (the commit that added this file).
"""

import dataclasses

from experiments.mining.config import MineConfig
from experiments.training.cascade import CascadeConfig
from experiments.training.config import TrainConfig
from experiments.training.settings import default_run


def _run(stage: str, steps: int) -> TrainConfig:
    run = default_run(stage, steps=steps, warmup_steps=steps // 10)
    return dataclasses.replace(
        run, batch_size=128, evaluate_every=steps, checkpoint_every=100, validation_samples=500
    )


def config() -> CascadeConfig:
    """The recipe."""
    return CascadeConfig(
        pnet=_run("pnet", 600),
        rnet=_run("rnet", 300),
        onet=_run("onet", 200),
        mining=MineConfig("", limit=100, negatives=40, proposed=256),
    )
