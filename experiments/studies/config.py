"""What a study is asked for, checked."""

import dataclasses
import pathlib


@dataclasses.dataclass(frozen=True)
class StudyConfig:
    """A study's settings. Those that a study does not need play no part in it.

    Attributes:
        study: its name, one of `registry.STUDIES`.
        workdir: folder for results, in <study>/ below it; studies that build on each other share
            it.
        data_dir: folder of prepared data sets.
        samples: folder with <stage>/train and <stage>/validation; WORKDIR/samples, where they are
            mined if they are missing, if not given.
        weights: weights (.npz) of the stages that samples are mined with; the bundled ones if not
            given.
        seeds: of the runs that are compared; intervals want three or more.
        steps: of each run: one number, or one for each of P-Net, R-Net and O-Net.
        batch_size: samples a step, likewise.
        limit: pictures of each data set to mine; 0 for all.
        validation_samples: faces that accuracy is measured on, at most.
        runs: rounds of what is timed.
        resamples: drawings of the bootstrap.
    """

    study: str
    workdir: str
    data_dir: str = ""
    samples: str = ""
    weights: str = ""
    seeds: tuple[int, ...] = (0, 1, 2)
    steps: tuple[int, ...] = (12_000, 5_000, 5_000)
    batch_size: tuple[int, ...] = (512, 512, 256)
    limit: int = 0
    validation_samples: int = 3000
    runs: int = 20
    resamples: int = 1000

    def __post_init__(self):
        for name, accepted in (("steps", (1, 3)), ("batch_size", (1, 3))):
            values = getattr(self, name)
            if len(values) not in accepted or min(values) < 1:
                raise ValueError(
                    f"{name} is {_list(values)}; accepted are one or three whole numbers from 1 up"
                )
        fine = self.seeds and all(0 <= seed < 2**31 for seed in self.seeds)
        if not fine or len({*self.seeds}) != len(self.seeds):
            raise ValueError(
                f"seeds is {_list(self.seeds)}; accepted are different whole numbers from 0 up"
            )
        for name, least in (
            ("limit", 0),
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
        return pathlib.Path(self.samples or pathlib.Path(self.workdir) / "samples")


def _list(values: tuple[int, ...]) -> str:
    return ",".join(map(str, values)) or "empty"
