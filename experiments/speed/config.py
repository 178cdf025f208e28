"""What the benchmark times, checked."""

import dataclasses

SECTIONS = ("latency", "throughput", "stages", "growth", "training", "startup")


@dataclasses.dataclass(frozen=True)
class BenchmarkConfig:
    """What to time.

    Attributes:
        sections: some of `SECTIONS`.
        runs: rounds, 1 or more; figures to publish take 20.
        sizes: (height, width) of the pictures.
        min_face_sizes: pixels.
        faces: in a picture.
        batches: pictures given at once.
        scales: of the first size, to see how time grows.
        training_batches: pairs of a stage and a batch size; the usual one for those not named.
        repeats: fresh processes of each kind.
    """

    sections: tuple[str, ...] = SECTIONS
    runs: int = 20
    sizes: tuple[tuple[int, int], ...] = ((480, 640), (1080, 1920))
    min_face_sizes: tuple[float, ...] = (20, 40)
    faces: tuple[int, ...] = (0, 5, 40)
    batches: tuple[int, ...] = (1, 4, 16, 64)
    scales: tuple[float, ...] = (0.5, 1.0, 1.5, 2.0)
    training_batches: tuple[tuple[str, int], ...] = ()
    repeats: int = 3

    def __post_init__(self):
        unknown = [name for name in self.sections if name not in SECTIONS]
        if unknown or not self.sections:
            raise ValueError(
                f"sections are {','.join(self.sections)!r}; accepted are {', '.join(SECTIONS)}"
            )
        for name in ("runs", "repeats"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; accepted is 1 or more")


QUICK = BenchmarkConfig(
    runs=2,
    sizes=((240, 320),),
    min_face_sizes=(40,),
    faces=(0, 5),
    batches=(1, 4),
    scales=(0.5, 1.0),
    training_batches=(("pnet", 16), ("rnet", 16), ("onet", 16)),
    repeats=1,
)
"""A run of a minute, to see that all of it works; its figures mean little."""
