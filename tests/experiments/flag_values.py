"""The values of the flags of `experiments.train`, without absl's global flags."""

import dataclasses
import types

from experiments.training import settings as train_settings
from experiments.training.config import TrainConfig
from mtcnn_jax.training.recipe import Recipe


def flag_values(workdir, **changed):
    """Those of a short run, with some of them changed."""
    recipe = {field: getattr(Recipe("onet", 1000), field) for field in train_settings.OF_RECIPE}
    run = {
        field.name: field.default
        for field in dataclasses.fields(TrainConfig)
        if field.name in train_settings.OF_RUN and field.name != "workdir"
    }
    own = {
        "workdir": str(workdir),
        "samples": "",
        "steps": ["4", "6", "4"],
        "batch_size": ["14"],
        "learning_rate": None,
        "face_iou": None,
        "augment": "none",
        "dropout": 0.0,
        "ratio": "3:1:1:2",
        "data_dir": "drawn",
        "mine": "negatives=8,positives=4,landmark_windows=4",
        "rounds": 1,
        "windows_per_picture": [],
        "warmup_steps": 1,
        "log_every": 1,
        "evaluate_every": 1,
        "checkpoint_every": 1,
        "scan_steps": 1,
    }
    return types.SimpleNamespace(**{**recipe, **run, **own, **changed})
