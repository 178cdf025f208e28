"""How strongly a batch is augmented."""

import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class AugmentConfig:
    """How strongly to augment; 0 switches a part off.

    Attributes:
        plain: probability of no change but mirroring. Reading a moved window blurs it a little, and
            a network that never saw a sharp one does worse on those of detection.
        flip: probability of mirroring.
        rotation: greatest angle in degrees, either way.
        shift: greatest shift of the window, as a share of its side.
        scale: greatest factor on the window's side is 1 + scale, the least its inverse.
        landmark_rotation: `rotation` of LANDMARK samples.
        landmark_shift: `shift` of LANDMARK samples.
        landmark_scale: `scale` of LANDMARK samples.
        grey: probability of losing all colour; as many lose a random part of it.
        tint: spread of the factors on red, green and blue.
        brightness: greatest shift of all values, as a share of 255.
        contrast: greatest factor on the contrast is 1 + contrast, the least its inverse.
        dark: probability of a factor between 0.15 and 0.6 on all values.
        curve: greatest bend of the tone curve, at most 1.
        blur: probability of losing sharpness, as from enlarging a small picture.
        noise: greatest half width of the (uniform) noise, as a share of 255.
        occlusion: probability of a rectangle of one colour over a part.
    """

    plain: float = 0.3
    flip: float = 0.5
    rotation: float = 10.0
    shift: float = 0.03
    scale: float = 0.05
    landmark_rotation: float = 20.0
    landmark_shift: float = 0.06
    landmark_scale: float = 0.1
    grey: float = 0.35
    tint: float = 0.1
    brightness: float = 0.15
    contrast: float = 0.3
    dark: float = 0.1
    curve: float = 0.4
    blur: float = 0.3
    noise: float = 0.06
    occlusion: float = 0.1

    def __post_init__(self):
        limits = {
            "rotation": 180.0,
            "landmark_rotation": 180.0,
            "scale": math.inf,
            "landmark_scale": math.inf,
            "contrast": math.inf,
        }
        for name, value in dataclasses.asdict(self).items():
            limit = limits.get(name, 1.0)
            if not 0 <= value <= limit or math.isinf(value):
                raise ValueError(f"{name} is {value}; accepted is 0 to {limit:g}")
