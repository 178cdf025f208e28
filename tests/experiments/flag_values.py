"""The values of the flags of `experiments.train`, without absl's global flags."""

import types

from experiments.recipes.fields import FIELDS, as_text
from experiments.recipes.flags import asked_for
from experiments.training.cascade import STAGES

SHORT = {
    "steps": ["4", "6", "4"],
    "batch_size": 14,
    "augment": "none",
    "data_dir": "drawn",
    "mine_about_faces": True,
    "mine_negatives": 8,
    "mine_positives": 4,
    "mine_landmark_windows": 4,
    "warmup_steps": 1,
    "log_every": 1,
    "evaluate_every": 1,
    "checkpoint_every": 1,
    "scan_steps": 1,
}


def flag_values(workdir, **changed):
    """Those of a short run, with some of them changed, each as text or None."""
    values = {**dict.fromkeys(FIELDS), "mine": None, **SHORT, **changed}
    texts = {
        name: ",".join(value) if isinstance(value, list) else as_text(value)
        for name, value in values.items()
        if value is not None
    }
    places = {"config": "", "samples": "", "workdir": str(workdir)}
    alone = {"coordinator_address": "", "num_processes": None, "process_id": None}
    return types.SimpleNamespace(**{**values, **places, **alone, **texts})


def run_of(values, stage, stages=STAGES):
    """The run of a stage that the flags ask for."""
    recipe = asked_for(values, "all" if stages == STAGES else stage)
    return recipe.of(stage).placed(values.workdir, values.samples)
