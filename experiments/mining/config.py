"""What to make samples of, and how many; `experiments.mine` makes them."""

import dataclasses
import math

LANDMARK_SETS = ("celeb_a_wild", "celeb_a")
"""Data sets that make landmark samples and no others."""


@dataclasses.dataclass(frozen=True)
class MineConfig:
    """What to make samples of, and how many.

    Attributes:
        data_dir: folder that the data sets were prepared in.
        wider: name of the data set with boxes of all faces; "" for none.
        celeb: name of the data set with landmarks, or of another with boxes; "" for none.
        seed: of all randomness.
        min_face_size: side of the smallest windows looked at, in pixels.
        smallest_face: longer side of the smallest face that makes samples, in pixels; smaller ones
            are ignored.
        thresholds: of P-Net and R-Net when they propose windows; below those of detection, so
            that the next stage also sees what they are less sure of.
        proposed: windows that R-Net leaves of one picture at most, those of highest score; of
            P-Net's twice as many. Crowds have thousands, and took half the time of mining.
        looks: pyramids that P-Net looks at a picture in, the next one a part of an octave smaller.
            A face has other windows in each, so there are more positives to learn from.
        negatives: at most, for each picture.
        positives: at most, for each face of `smallest_face` pixels; parts alike.
        jittered: windows about each such face, twice over; P-Net's positives and parts, and
            landmark samples of all.
        about_faces: whether half of R-Net's and O-Net's positives and parts are such windows too,
            or more where fewer are detected. They are also of faces that the stages before miss.
        landmark_windows: for each such face with landmarks.
        balance: power of its side with which a larger face gets more of them, and a larger detected
            window of one is chosen more often; 0 counts all alike. Most faces of a picture are its
            small ones, so without it the networks see few large ones.
        pool: how many times `negatives` a judge chooses from; a judge is the network itself,
            from an earlier round, or a P-Net trained for it.
        hard: share of the negatives that are those the judge scores highest; the rest are random.
        trim: score above which the judge's negatives are left out, as likely faces without a label.
        limit: pictures of each data set to use; 0 for all.
        textures: drawn pictures of noise and stripes among those that O-Net is trained on.
        random_windows: whether R-Net's and O-Net's windows are random ones and squares about the
            faces, as P-Net's are, and not what the stages before leave.
    """

    data_dir: str
    wider: str = "wider_face"
    celeb: str = "celeb_a_wild"
    seed: int = 0
    min_face_size: float = 16
    smallest_face: float = 15
    thresholds: tuple[float, float] = (0.5, 0.3)
    proposed: int = 1024
    looks: int = 1
    negatives: int = 100
    positives: int = 3
    jittered: int = 10
    about_faces: bool = False
    landmark_windows: int = 2
    balance: float = 1
    pool: int = 4
    hard: float = 0.5
    trim: float = 0.95
    limit: int = 0
    textures: int = 0
    random_windows: bool = False

    def __post_init__(self):
        counts = (
            *("seed", "negatives", "positives", "jittered", "landmark_windows"),
            *("limit", "textures"),
        )
        ranges = {
            **{name: (0 <= getattr(self, name), "0 or more") for name in counts},
            "proposed": (self.proposed >= 1, "1 or more"),
            "looks": (self.looks >= 1, "1 or more"),
            "pool": (self.pool >= 1, "1 or more"),
            "min_face_size": (12 <= self.min_face_size < math.inf, "12 pixels or more"),
            "smallest_face": (0 <= self.smallest_face < math.inf, "0 pixels or more"),
            "balance": (0 <= self.balance < math.inf, "0 or more"),
            "hard": (0 <= self.hard <= 1, "0 to 1"),
            "trim": (0 <= self.trim <= 1, "0 to 1"),
            "thresholds": (
                len(self.thresholds) == 2 and all(0 <= score < 1 for score in self.thresholds),
                "two scores from 0 to below 1",
            ),
        }
        for name, (fine, accepted) in ranges.items():
            if not fine:
                raise ValueError(f"{name} is {getattr(self, name)}; accepted is {accepted}")
