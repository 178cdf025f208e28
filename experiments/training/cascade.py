"""A recipe of the whole cascade, checked: what each stage is trained with, and on which samples."""

import dataclasses

from absl import logging

from data.samples import LANDMARK
from experiments.mining.config import LANDMARK_SETS, MineConfig
from experiments.training.config import TrainConfig

STAGES = ("pnet", "rnet", "onet")

ASIDE = {"judging": "pnet", "starting_rnet": "rnet", "starting_onet": "onet"}
"""The stages of the runs that a recipe may have besides, by the fields' names."""


def _check_stage(name: str, run: TrainConfig, stage: str) -> None:
    if run.recipe.stage != stage:
        raise ValueError(f"{name} is a run of {run.recipe.stage}; accepted is one of {stage}")


def _check_windows(name: str, windows: tuple[float, ...]) -> None:
    if windows and (len(windows) not in (2, 3) or not all(0 < one < 1e6 for one in windows)):
        raise ValueError(
            f"{name} is {','.join(f'{one:g}' for one in windows)}; accepted are two or three "
            "numbers above 0, for P-Net, R-Net and O-Net"
        )


@dataclasses.dataclass(frozen=True)
class CascadeConfig:
    """A recipe of the whole cascade: the runs of its stages, and their samples.

    Where results and data lie is "" in a recipe; the command that trains fills it in.

    Attributes:
        pnet: the run of P-Net.
        rnet: the run of R-Net.
        onet: the run of O-Net.
        mining: what the samples are made of. Round n adds n - 1 to its seed.
        rounds: how often R-Net and O-Net are mined for.
        windows_per_picture: what P-Net, R-Net and perhaps O-Net leave of a picture, by their
            biases, before the next stage is mined for; none leaves the biases as trained.
        final_windows: the same for the finished cascade, if it is to leave others.
        judging: the run of a P-Net of its own, which judges the negatives of the cascade's P-Net
            (see `MineConfig`); None for negatives without a judge.
        starting_rnet: the run of an R-Net on the same samples before, whose weights the cascade's
            goes on from; None for fresh ones.
        starting_onet: likewise of an O-Net.
    """

    pnet: TrainConfig
    rnet: TrainConfig
    onet: TrainConfig
    mining: MineConfig = MineConfig("")
    rounds: int = 1
    windows_per_picture: tuple[float, ...] = ()
    final_windows: tuple[float, ...] = ()
    judging: TrainConfig | None = None
    starting_rnet: TrainConfig | None = None
    starting_onet: TrainConfig | None = None

    def __post_init__(self):
        for stage in STAGES:
            _check_stage(stage, self.of(stage), stage)
        for name, stage in ASIDE.items():
            if run := getattr(self, name):
                _check_stage(name, run, stage)
        if self.rounds < 1:
            raise ValueError(f"rounds is {self.rounds}; accepted is 1 or more")
        _check_windows("windows_per_picture", self.windows_per_picture)
        _check_windows("final_windows", self.final_windows)

    def start_of(self, stage: str) -> TrainConfig | None:
        """The run that the stage's goes on from, if there is one."""
        return getattr(self, f"starting_{stage}", None)

    def of(self, stage: str) -> TrainConfig:
        """The run of a stage."""
        return {"pnet": self.pnet, "rnet": self.rnet, "onet": self.onet}[stage]

    def mining_of(self, stage: str) -> MineConfig:
        """What a stage's samples are made of: no landmarks where its batches ask for none."""
        if self.of(stage).ratio[LANDMARK] or self.mining.celeb not in LANDMARK_SETS:
            return self.mining
        logging.info(
            "%s is left out for %s: the ratio asks for no landmarks", self.mining.celeb, stage
        )
        return dataclasses.replace(self.mining, celeb="")

    def without_landmarks(self) -> "CascadeConfig":
        """The same recipe with no landmark samples in any batch."""

        def bare(run: TrainConfig) -> TrainConfig:
            ratio = [*run.ratio]
            ratio[LANDMARK] = 0.0
            return dataclasses.replace(run, ratio=tuple(ratio))

        runs = {name: getattr(self, name) for name in (*STAGES, *ASIDE)}
        return dataclasses.replace(self, **{name: bare(run) for name, run in runs.items() if run})
