"""What a study is asked for, checked."""

import dataclasses
import pathlib

from mtcnn_jax.networks.layers import INPUT_SIZE

STAGES = tuple(INPUT_SIZE)


@dataclasses.dataclass(frozen=True)
class StudyConfig:
    """A study's settings. Those that a study does not need play no part in it.

    Attributes:
        study: its name, one of `registry.STUDIES`.
        workdir: folder for results, in <study>/ below it; studies that build on each other share
            it.
        data_dir: folder of prepared data sets.
        samples: folder with <stage>/train and <stage>/validation; if not given, the one in the
            study's own folder, where they are mined.
        truth_dir: folder with WIDER FACE's official .mat files.
        fddb_dir: folder with FDDB, where detection is to be judged on it too.
        pictures: of WIDER FACE's validation set that detection is judged on; 0 for all.
        weights: weights (.npz) of the stages that samples are mined with; the bundled ones if not
            given.
        stages: whose networks are compared, where a study compares those of several.
        seeds: of the runs that are compared; intervals want three or more.
        steps: of each run: one number, or one for each of P-Net, R-Net and O-Net.
        batch_size: samples a step, likewise.
        limit: pictures of each data set to mine; 0 for all.
        validation_samples: faces that accuracy is measured on, at most.
        resolution: height and width in pixels of the pictures whose detection is timed.
        runs: rounds of what is timed.
        resamples: drawings of the bootstrap.
    """

    study: str
    workdir: str
    data_dir: str = ""
    samples: str = ""
    weights: str = ""
    truth_dir: str = ""
    fddb_dir: str = ""
    pictures: int = 0
    stages: tuple[str, ...] = STAGES
    seeds: tuple[int, ...] = (0, 1, 2)
    steps: tuple[int, ...] = (12_000, 5_000, 5_000)
    batch_size: tuple[int, ...] = (512, 512, 256)
    limit: int = 0
    validation_samples: int = 3000
    resolution: tuple[int, ...] = (480, 640)
    runs: int = 20
    resamples: int = 1000

    def __post_init__(self):
        for name, accepted in (("steps", (1, 3)), ("batch_size", (1, 3))):
            values = getattr(self, name)
            if len(values) not in accepted or min(values) < 1:
                raise ValueError(
                    f"{name} is {_list(values)}; accepted are one or three whole numbers from 1 up"
                )
        unknown = [stage for stage in self.stages if stage not in STAGES]
        if unknown or not self.stages:
            raise ValueError(f"stages is {_list(self.stages)}; accepted are {', '.join(STAGES)}")
        if len(self.resolution) != 2 or not all(12 <= side <= 4096 for side in self.resolution):
            raise ValueError(
                f"resolution is {_list(self.resolution)}; accepted are height and width, 12 to 4096"
            )
        fine = self.seeds and all(0 <= seed < 2**31 for seed in self.seeds)
        if not fine or len({*self.seeds}) != len(self.seeds):
            raise ValueError(
                f"seeds is {_list(self.seeds)}; accepted are different whole numbers from 0 up"
            )
        for name, least in (
            ("limit", 0),
            ("pictures", 0),
            ("validation_samples", 1),
            ("runs", 1),
            ("resamples", 1),
        ):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; accepted is {least} or more")

    @property
    def folder(self) -> pathlib.Path:
        """Where this study's results go."""
        return pathlib.Path(self.workdir) / self.study

    @property
    def samples_folder(self) -> pathlib.Path:
        """Where samples are, or are going to be."""
        return pathlib.Path(self.samples) if self.samples else self.folder / "samples"

    def of_stage(self, name: str, stage: str) -> int:
        """A stage's own of the numbers `name`: the only one, or that of its place."""
        values = getattr(self, name)
        return values[STAGES.index(stage) if len(values) > 1 else 0]


def _list(values: tuple[int | str, ...]) -> str:
    return ",".join(map(str, values)) or "empty"
