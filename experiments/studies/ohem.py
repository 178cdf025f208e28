"""Study `ohem`: Figure 3a, P-Nets with online hard example mining and without.

Both are trained from the same parameters on the same batches, and judged alone: by the windows that
they leave after suppression.
"""

from experiments.studies import detection
from experiments.studies.arms.detections import detect_by_pnet
from experiments.studies.arms.drawing import draw_curves, panels_of
from experiments.studies.arms.runs import Arm, train
from experiments.studies.config import StudyConfig
from experiments.studies.study import Outcome, Study, section

ARMS = (
    Arm("without", "all examples", {"ohem_ratio": "1.0"}),
    Arm("with", "hardest 70%", {"ohem_ratio": "0.7"}),
)
TITLES = {arm.name: arm.title for arm in ARMS}
TITLE = "Online hard example mining (Figure 3a)"


def check(config: StudyConfig) -> None:
    """Raises an OSError or ValueError where something that the study needs is missing."""
    detection.check(config, ["pnet"])


def run(config: StudyConfig) -> Outcome:
    """Trains the P-Nets, lets each look alone, and compares their curves."""
    base, sweep = detection.recipe_of(config, "pnet"), detection.sweep_of(config, "pnet")
    nets = train(base, ARMS, config.seeds, sweep)
    results = detection.score(
        config,
        lambda judge: {
            arm: [detect_by_pnet(one, judge.pictures) for one in runs] for arm, runs in nets.items()
        },
    )
    path = config.folder / "ohem.png"
    drawn = draw_curves(path, results, TITLES, panels_of(results, boxes=False))
    parts = [
        "P-Net alone, trained on all examples of a batch and on the hardest 70%. The paper: mining "
        "brings about 1.5 points on FDDB.",
        detection.compared(config, results, TITLES, ("without", "with"), claimed=1),
        *detection.figure_line(path, drawn),
    ]
    return Outcome(detection.rows_of(config, results), section(TITLE, *parts))


STUDY = Study(
    shows="P-Nets with hard example mining and without, Figure 3a",
    run=run,
    check=check,
    defaults={},
    quick={"steps": (30,), "batch_size": (64,), "limit": 24, "pictures": 6, "resamples": 50},
)
