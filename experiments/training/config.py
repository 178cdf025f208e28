"""The settings of a run of one stage, checked, beside those of its recipe."""

import dataclasses
import pathlib

import jax

from data.batches import shares
from data.samples import KINDS, LANDMARK
from mtcnn_jax.training.recipe import Recipe


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """A run of one stage.

    Attributes:
        recipe: what is trained, and how.
        samples: folder with <stage>/train and <stage>/validation.
        workdir: folder for results, in <stage>/ below it.
        batch_size: samples a step, over all devices of all processes.
        ratio: proportions of negatives, positives, parts and landmark samples in a batch.
        seed: of all randomness.
        init: .npz of weights to start from; "bundled" for those of the package, "" for fresh ones.
        log_every: steps between lines of metrics.
        evaluate_every: steps between validations; 0 for none.
        checkpoint_every: steps between checkpoints.
        scan_steps: steps in one dispatch where samples are kept on the accelerator.
        validation_samples: of each kind, at most.
    """

    recipe: Recipe
    samples: str
    workdir: str
    batch_size: int = 512
    ratio: tuple[float, ...] = (3.0, 1.0, 1.0, 2.0)
    seed: int = 0
    init: str = ""
    log_every: int = 100
    evaluate_every: int = 1000
    checkpoint_every: int = 1000
    scan_steps: int = 10
    validation_samples: int = 3000

    def __post_init__(self):
        for name in ("batch_size", "log_every", "checkpoint_every", "scan_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; accepted is 1 or more")
        for name in ("seed", "evaluate_every"):
            if not 0 <= getattr(self, name) < 2**31:
                raise ValueError(f"{name} is {getattr(self, name)}; accepted is 0 or more")
        if self.validation_samples < 1:
            raise ValueError(
                f"validation_samples is {self.validation_samples}; accepted is 1 or more"
            )
        fine = len(self.ratio) == len(KINDS) and all(0 <= part < 1e6 for part in self.ratio)
        if not fine or not any(self.ratio):
            raise ValueError(
                f"ratio is {':'.join(map(str, self.ratio))}; accepted are four numbers of 0 or "
                f"more, such as 3:1:1:2, for {':'.join(KINDS)}"
            )
        for name, divisor in (
            ("evaluate_every", "log_every"),
            ("checkpoint_every", "log_every"),
            ("log_every", "scan_steps"),
        ):
            if getattr(self, name) % getattr(self, divisor):
                raise ValueError(
                    f"{name} is {getattr(self, name)}; accepted are multiples of {divisor}, "
                    f"{getattr(self, divisor)}"
                )
        devices = jax.device_count()
        if self.batch_size % devices:
            raise ValueError(
                f"batch_size is {self.batch_size}; accepted are multiples of the number of "
                f"devices, {devices}"
            )

    def placed(self, workdir: str, samples: str = "") -> "TrainConfig":
        """The same run, with its results in a folder, and its samples in another or below it."""
        samples = samples or self.samples or f"{workdir}/samples"
        return dataclasses.replace(self, workdir=str(workdir), samples=str(samples))

    @property
    def folder(self) -> pathlib.Path:
        """Where this stage's results go."""
        return pathlib.Path(self.workdir) / self.recipe.stage

    @property
    def weights(self) -> pathlib.Path:
        """The file of the finished network's parameters."""
        return self.folder / f"{self.recipe.stage}.npz"

    @property
    def counts(self) -> tuple[int, ...]:
        """Samples of each kind in a batch; none with landmarks where nothing learns from them."""
        ratio = list(self.ratio)
        if self.recipe.stage != "onet" and not self.recipe.has_auxiliary:
            ratio[LANDMARK] = 0
        return shares(self.batch_size, ratio)
