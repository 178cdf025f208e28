"""Short clips, written for tests: any frames, at any times, with or without sound."""

from fractions import Fraction

import numpy as np

RATE = 25
SOUND_RATE = 48_000


def sine(samples, start):
    """int16 [1, 2 * samples], two channels of 440 Hz, interleaved."""
    times = (start + np.arange(samples)) / SOUND_RATE
    wave = (8_000 * np.sin(2 * np.pi * 440 * times)).astype(np.int16)
    return np.repeat(wave, 2)[None]


def write_clip(
    path,
    images,
    *,
    ticks=None,
    time_base=Fraction(1, 12_800),
    codec="libx264",
    pixels="yuv420p",
    sound=None,
    rotation=None,
    matrix=None,
    container=None,
    options=None,
):
    """Writes uint8 [h, w, 3] frames at `ticks` of `time_base`, every 1/25 s by default.

    `rotation` is in degrees against the clock, `matrix` the first two rows of the display matrix.
    `sound` names an audio codec, which plays a sine as long as the pictures last.
    """
    import av

    images = list(images)
    height, width = images[0].shape[:2]
    ticks = (
        [round(Fraction(i, RATE) / time_base) for i in range(len(images))]
        if ticks is None
        else ticks
    )
    with av.open(str(path), "w", container_options=container or {}) as file:
        film = file.add_stream(codec, RATE, options=options or {}, time_base=time_base)
        film.width, film.height, film.pix_fmt = width, height, pixels
        if rotation is not None:
            film.set_display_rotation(rotation)
        if matrix is not None:
            film.set_display_matrix([*matrix, 0, 0, 2**30])
        if sound is not None:
            track = file.add_stream(sound, SOUND_RATE)
        for image, tick in zip(images, ticks, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.pts, frame.time_base = tick, time_base
            file.mux(film.encode(frame))
        file.mux(film.encode())
        if sound is not None:
            count = round(SOUND_RATE * (ticks[-1] - ticks[0] + (ticks[-1] - ticks[-2])) * time_base)
            for start in range(0, count, 1024):
                frame = av.AudioFrame.from_ndarray(
                    sine(min(1024, count - start), start), format="s16", layout="stereo"
                )
                frame.sample_rate, frame.pts = SOUND_RATE, start
                frame.time_base = Fraction(1, SOUND_RATE)
                file.mux(track.encode(frame))
            file.mux(track.encode())
    return path
