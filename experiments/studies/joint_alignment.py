"""Study `joint_alignment`: Figure 3b, O-Nets that learn landmarks too and O-Nets that do not.

Both are trained from the same parameters on the same batches, and look at the same windows of the
same P-Net and R-Net. The third curve has the scores of the one and the boxes of the other, so that
what landmarks do for classification and for boxes is told apart.
"""

from typing import Any

from experiments.studies import detection
from experiments.studies.arms import judges
from experiments.studies.arms.detections import Detected, detect, look_at_windows
from experiments.studies.arms.drawing import draw_curves, panels_of
from experiments.studies.arms.runs import Arm, train
from experiments.studies.config import StudyConfig
from experiments.studies.study import Outcome, Study, section

ARMS = (
    Arm("without", "no joint alignment", {"landmark_weight": "0.0"}),
    Arm("joint", "joint alignment", {"landmark_weight": "1.0"}),
)
TITLE = "Joint face detection and alignment (Figure 3b)"
MIXED = "joint_scores"
TITLES = {arm.name: arm.title for arm in ARMS} | {MIXED: "no joint alignment in box regression"}

COMPARISONS = (
    ("without", "joint", "Joint alignment against none: scores and boxes together"),
    ("without", MIXED, "Scores alone: those of joint alignment on the boxes of the other"),
    (MIXED, "joint", "Boxes alone: those of joint alignment under its own scores"),
)


def check(config: StudyConfig) -> None:
    """Raises an OSError or ValueError where something that the study needs is missing."""
    detection.check(config, ["onet"])


def detections(
    config: StudyConfig, nets: dict[str, list[Any]], judge: judges.Judge
) -> dict[str, list[list[Detected]]]:
    """What each O-Net finds, and the scores of the joint ones on the boxes of the others."""
    numbered = {(arm, number): net for arm in nets for number, net in enumerate(nets[arm])}
    before = detection.weights_before(config, "onet")
    told = look_at_windows("onet", numbered, before, judge.pictures)
    found: dict[str, list[list[Detected]]] = {arm: [] for arm in TITLES}
    for number in range(len(config.seeds)):
        without, joint = told["without", number], told["joint", number]
        mixed = [
            one._replace(offsets=other.offsets) for one, other in zip(joint, without, strict=True)
        ]
        for arm, outputs in (("without", without), ("joint", joint), (MIXED, mixed)):
            found[arm].append([detect("onet", one) for one in outputs])
    return found


def run(config: StudyConfig) -> Outcome:
    """Trains the O-Nets, lets them look at the same windows, and compares their curves."""
    base, sweep = detection.recipe_of(config, "onet"), detection.sweep_of(config, "onet")
    nets = train(base, ARMS, config.seeds, sweep)
    results = detection.score(config, lambda judge: detections(config, nets, judge))
    path = config.folder / "joint_alignment.png"
    drawn = draw_curves(path, results, TITLES, panels_of(results, boxes=True))
    parts = [
        "O-Nets behind the same P-Net and R-Net, trained on landmarks too and not. The paper: "
        "landmarks help both classification and box regression; it prints no number.",
    ]
    for first, other, told in COMPARISONS:
        table = detection.compared(config, results, TITLES, (first, other), claimed=1)
        parts += [f"{told}.", table]
    parts += detection.figure_line(path, drawn)
    return Outcome(detection.rows_of(config, results), section(TITLE, *parts))


STUDY = Study(
    shows="O-Nets with the landmark task and without, Figure 3b",
    run=run,
    check=check,
    defaults={},
    quick={"steps": (6,), "batch_size": (32,), "limit": 24, "pictures": 6, "resamples": 50},
)
