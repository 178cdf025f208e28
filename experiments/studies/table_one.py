"""Table I as Markdown, each figure beside the paper's."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from experiments.console.markdown import table
from experiments.speed.timing import Times
from experiments.studies.intervals import interval
from experiments.studies.rivals.classify import RIVALS
from experiments.studies.rivals.passes import ARRANGED, BATCHES, PLAIN, Key
from experiments.studies.study import verdict

TITLES = {
    "pnet": "P-Net",
    "net12": "12-net",
    "rnet": "R-Net",
    "net24": "24-net",
    "onet": "O-Net",
    "net48": "48-net",
}

PAPER = {
    "net12": (94.4, 0.038),
    "pnet": (94.6, 0.031),
    "net24": (95.1, 0.738),
    "rnet": (95.4, 0.458),
    "net48": (93.2, 3.577),
    "onet": (95.4, 1.347),
}
"""Table I: validation accuracy in percent, and seconds of 300 forward passes."""

WINDOWS = [f"{batch} window{'s' * (batch > 1)}" for batch in BATCHES]


class Judged(NamedTuple):
    """How one network's runs do on the validation samples.

    Attributes:
        correct: bool [runs, n], in the order of the samples.
        recall: float [runs], of faces at a given share of the rest.
    """

    correct: np.ndarray
    recall: np.ndarray

    @property
    def accuracy(self) -> np.ndarray:
        """Percent, float [runs]."""
        return 100 * self.correct.mean(1)


def _against(stage: str) -> str:
    return f"{TITLES[stage]} over {TITLES[RIVALS[stage]]}"


def accuracies(found: Mapping[str, Judged]) -> str:
    """A table of accuracies, means and all runs."""
    lines = [
        [
            TITLES[name],
            f"{one.correct.shape[1]:,}",
            f"{one.accuracy.mean():.2f}",
            " / ".join(f"{percent:.2f}" for percent in one.accuracy),
            f"{PAPER[name][0]:.1f}",
        ]
        for name, one in found.items()
    ]
    return table(["network", "samples", "accuracy, %", "each seed", "paper, %"], lines)


def gaps(found: Mapping[str, Judged], stages: Sequence[str], *, resamples: int) -> str:
    """A table of what each stage's network has over its rival, and what that says."""
    lines = []
    for stage in stages:
        ours, theirs = found[stage], found[RIVALS[stage]]
        over = interval(ours.correct, theirs.correct, count=resamples)
        mean, low, high = (100 * share for share in over)
        lines.append(
            [
                _against(stage),
                f"{mean:+.2f} ({low:+.2f} to {high:+.2f})",
                f"{PAPER[stage][0] - PAPER[RIVALS[stage]][0]:+.1f}",
                verdict(low, high, claimed=1),
            ]
        )
    return table(["difference", "points (95% interval)", "paper", "verdict"], lines)


def seconds(times: Mapping[Key, Times]) -> str:
    """A table of the seconds of the passes of each network and arrangement."""
    lines = []
    for name, kind in dict.fromkeys(key[:2] for key in times):
        taken = (times[name, kind, batch] for batch in BATCHES)
        lines.append(
            [
                TITLES[name] + (", arranged" if kind == ARRANGED else ""),
                *(f"{one.median:.3f} ({one.least:.3f})" for one in taken),
                f"{PAPER[name][1]:.3f}" if kind == PLAIN else "",
            ]
        )
    return table(["network", *(f"{windows}, s" for windows in WINDOWS), "paper, s"], lines)


def ratios(times: Mapping[Key, Times], stages: Sequence[str]) -> str:
    """A table of how many times as long each stage's network takes as its rival."""
    lines = []
    for stage in stages:
        rival = RIVALS[stage]
        over = (
            times[stage, PLAIN, batch].median / times[rival, PLAIN, batch].median
            for batch in BATCHES
        )
        paper = PAPER[stage][1] / PAPER[rival][1]
        lines.append([_against(stage), *(f"{share:.2f}" for share in over), f"{paper:.2f}"])
    return table(["times as long", *WINDOWS, "paper"], lines)
