"""What is trained, and how: the settings of a run of one network, checked, and its optimiser."""

import dataclasses
import math
from typing import Any

import jax
import optax
import optax.contrib

from mtcnn_jax.networks.layers import INPUT_SIZE
from mtcnn_jax.training import losses
from mtcnn_jax.training.augment import AugmentConfig
from mtcnn_jax.training.samples import PART_FROM, POSITIVE_ABOVE

Params = dict[str, Any]

_LAST_LAYERS = ("prob", "reg", "landmarks", "auxiliary")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What is trained, and how. The defaults are the paper's where it says.

    Attributes:
        stage: "pnet", "rnet" or "onet".
        steps: length of the run, which the schedule of the learning rate spans.
        learning_rate: its peak.
        warmup_steps: steps of its linear rise from 0; a cosine takes it back to 0.
        optimizer: "muon" (Jordan et al. 2024: the updates of hidden layers' kernels made
            orthogonal; the rest as by "adamw"), "adamw", or "sgd" with momentum 0.9.
        weight_decay: on kernels (of hidden layers alone by "muon"); biases and PReLU slopes have
            none.
        clip_norm: greatest norm of a gradient; 0 is without limit.
        ohem_ratio: share of the hardest classification losses that count; 1 is all. A part of
            `graded_from` is as hard as its loss is above the least that its label allows.
        face_iou: parts with a higher IoU count as faces too; those of the paper never do.
        square_share: parts count as faces, too, whose IoU is above this share of the greatest that
            a square can have with the face's box; 1 is without. No square has an IoU above 0.65
            with a box more than 1.61 times as high as wide.
        graded_from: parts with an IoU above this count as faces in part, by a share that rises from
            0 here to 1 where they count whole; 1 is without. Of a box that no square fits, both
            ends are lower alike.
        box_loss: "l2" (paper), "l1", "smooth_l1" or "wing".
        landmark_loss: the same for landmarks.
        landmark_weight: factor on the weight that the paper gives to landmarks; 0 learns none of
            them, from the same batches.
        auxiliary_landmarks: train P-Net and R-Net on landmarks too, as the paper does, by a layer
            that the finished network does not have.
        dropout: rate before the heads of R-Net and O-Net.
        ema_decay: of the averaged parameters; 0 is without.
        compute_dtype: "float32" or "bfloat16".
        augment: how to augment; None is not at all.
    """

    stage: str
    steps: int
    learning_rate: float = 3e-3
    warmup_steps: int = 200
    optimizer: str = "muon"
    weight_decay: float = 1e-4
    clip_norm: float = 1.0
    ohem_ratio: float = 0.7
    face_iou: float = POSITIVE_ABOVE
    square_share: float = 1.0
    graded_from: float = 1.0
    box_loss: str = "l2"
    landmark_loss: str = "l2"
    landmark_weight: float = 1.0
    auxiliary_landmarks: bool = True
    dropout: float = 0.0
    ema_decay: float = 0.0
    compute_dtype: str = "float32"
    augment: AugmentConfig | None = AugmentConfig()

    def __post_init__(self):
        choices = {
            "stage": tuple(INPUT_SIZE),
            "optimizer": ("muon", "adamw", "sgd"),
            "box_loss": losses.DISTANCES,
            "landmark_loss": losses.DISTANCES,
            "compute_dtype": ("float32", "bfloat16"),
        }
        for name, accepted in choices.items():
            if getattr(self, name) not in accepted:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}; accepted are {', '.join(accepted)}"
                )
        ranges = {
            "steps": (self.steps >= 1, "1 or more"),
            "learning_rate": (0 < self.learning_rate < math.inf, "a number above 0"),
            "warmup_steps": (
                0 <= self.warmup_steps < self.steps,
                f"0 or more and less than steps, {self.steps}",
            ),
            "weight_decay": (0 <= self.weight_decay < math.inf, "a number of 0 or more"),
            "clip_norm": (0 <= self.clip_norm < math.inf, "a number of 0 or more"),
            "ohem_ratio": (0 < self.ohem_ratio <= 1, "above 0, at most 1"),
            "face_iou": (
                PART_FROM <= self.face_iou <= POSITIVE_ABOVE,
                f"{PART_FROM} to {POSITIVE_ABOVE}",
            ),
            "square_share": (0 < self.square_share <= 1, "above 0, at most 1"),
            "graded_from": (
                0 <= self.graded_from < self.face_iou or self.graded_from == 1,
                f"0 or more and less than face_iou, {self.face_iou}; or 1, which is without",
            ),
            "landmark_weight": (0 <= self.landmark_weight < math.inf, "0 or more"),
            "dropout": (0 <= self.dropout < 1, "0 or more, below 1"),
            "ema_decay": (0 <= self.ema_decay < 1, "0 or more, below 1"),
        }
        for name, (fine, accepted) in ranges.items():
            if not fine:
                raise ValueError(f"{name} is {getattr(self, name)}; accepted is {accepted}")
        if self.dropout and self.stage == "pnet":
            raise ValueError(f"dropout is {self.dropout}; accepted for pnet is 0")

    @property
    def has_auxiliary(self) -> bool:
        """Whether the network gets a landmark layer for training only."""
        return self.auxiliary_landmarks and self.stage != "onet"


def learning_rate(recipe: Recipe) -> optax.Schedule:
    """A linear rise, then a cosine to 0 at the last step."""
    return optax.warmup_cosine_decay_schedule(
        0.0, recipe.learning_rate, recipe.warmup_steps, recipe.steps
    )


def _matrices(params: Params) -> Params:
    """How the kernel of each hidden layer is a matrix, inputs by outputs; None for all else."""

    def numbers(path: tuple, leaf: jax.Array) -> optax.contrib.MuonDimensionNumbers | None:
        if path[-1].key != "kernel" or path[-2].key in _LAST_LAYERS:
            return None
        last = leaf.ndim - 1
        return optax.contrib.MuonDimensionNumbers(tuple(range(last)), last)

    return jax.tree_util.tree_map_with_path(numbers, params)


def optimizer(recipe: Recipe) -> optax.GradientTransformation:
    """The recipe's optimiser with clipping, decay and schedule."""

    def kernels(params: Params) -> Params:
        return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key == "kernel", params)

    clip = [optax.clip_by_global_norm(recipe.clip_norm)] if recipe.clip_norm else []
    schedule = learning_rate(recipe)
    if recipe.optimizer == "adamw":
        decay = recipe.weight_decay
        return optax.chain(*clip, optax.adamw(schedule, weight_decay=decay, mask=kernels))
    if recipe.optimizer == "muon":
        muon = optax.contrib.muon(
            schedule,
            weight_decay=recipe.weight_decay,
            weight_decay_mask=kernels,
            muon_weight_dimension_numbers=_matrices,
            consistent_rms=0.2,  # Changes as large as adamw's, which the same rate then fits.
        )
        return optax.chain(*clip, muon)
    decay = optax.add_decayed_weights(recipe.weight_decay, mask=kernels)
    return optax.chain(*clip, decay, optax.sgd(schedule, momentum=0.9))
