"""`detect` and `detect_batch`: any picture in, plain arrays out, few compilations."""

import contextlib
import dataclasses
import io
import json
import os
import pathlib
import subprocess
import sys
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import mtcnn_jax as mj
from mtcnn_jax import stream
from mtcnn_jax.cascade import stages
from mtcnn_jax.runtime import batches
from mtcnn_jax.runtime.batches import run_many
from mtcnn_jax.runtime.buckets import bucket_of
from mtcnn_jax.runtime.canvases import attempts, placed, run_one
from tests import ROOT
from tests.mtcnn_jax.traced import stand_in

QUICK = mj.DetectConfig(min_face_size=40)
SMALL = mj.DetectConfig(min_face_size=40, capacities=(512, 128, 32), retries=1)
"""Of smaller capacities, which low thresholds overflow: three tests share what is compiled."""
LOW = (0.05, 0.05, 0.05)

ARRAY = np.zeros((9, 7, 3), np.uint8)
NETWORKS = {"pnet": {}, "rnet": {}, "onet": {}}
BUNDLED = pathlib.Path(mj.__file__).parent / "weights/mtcnn.npz"


def check_form(faces, height, width):
    count = len(faces)
    arrays = faces.boxes, faces.scores, faces.landmarks
    assert faces.boxes.shape == (count, 4) and faces.landmarks.shape == (count, 5, 2)
    assert all(field.dtype == np.float32 and type(field) is np.ndarray for field in arrays)
    assert (np.diff(faces.scores) <= 0).all()
    assert (faces.boxes >= 0).all() and (faces.boxes <= [width, height, width, height]).all()


def same(one, other):
    assert len(one) == len(other)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-3)


@pytest.mark.skipif(not BUNDLED.is_file(), reason="this copy has no weights of its own")
def test_the_bundled_weights_find_the_astronaut(astronaut):
    faces = mj.detect(mj.load_params(), astronaut)
    check_form(faces, 512, 512)
    best = faces.boxes[0]
    # The face lies at about (180, 60) to (270, 175), as one looks at the picture.
    assert np.abs(best - [180, 60, 270, 175]).max() < 20
    eyes, nose, mouth = faces.landmarks[0][:2], faces.landmarks[0][2], faces.landmarks[0][3:]
    assert eyes[0, 0] < nose[0] < eyes[1, 0] and mouth[0, 0] < mouth[1, 0]
    assert eyes[:, 1].max() < nose[1] < mouth[:, 1].min()


@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (5, 400), (11, 11), (12, 12), (20, 20), (30, 45), (640, 13)]
)
def test_small_and_narrow_pictures_answer(height, width, params):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)
    check_form(mj.detect(params, pixels, QUICK), height, width)


LARGE = """
import json, resource, sys
import numpy as np
import mtcnn_jax as mj

street = mj.read_image(sys.argv[2])
picture = np.tile(street, (7, 7, 1))[:3000, :4000]
capacities = tuple(map(int, sys.argv[3:]))
config = mj.DetectConfig(capacities=capacities, retries=0)
faces = mj.detect(mj.load_params(sys.argv[1]), picture, config)
try:  # getrusage counts what the process that forked this one held.
    with open("/proc/self/status") as status:
        peak = int(status.read().split("VmHWM:")[1].split()[0])
except OSError:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([peak, len(faces.scores), faces.boxes.max(0).tolist()]))
"""


@pytest.mark.slow
def test_a_photo_of_twelve_megapixels_needs_less_than_three_gigabytes(shared):
    """A fresh process, whose peak is that of this picture.

    So many faces come to the last of the capacities, with which it begins: two compilations less.
    Without a cache of these, since what is read from one takes memory, too.
    """
    folder = shared / "reference"
    files = [folder / "cascade/weights.npz", folder / "photos/vga_street.png"]
    largest, _ = attempts(mj.DetectConfig(), (3072, 4096), overflown=False)[-1]
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", LARGE, *map(str, [*files, *largest.capacities])],
        cwd=ROOT,
        env={**os.environ, "JAX_ENABLE_COMPILATION_CACHE": "false"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    peak, count, corner = json.loads(result.stdout)
    kilobyte = 1 if sys.platform == "darwin" else 1024
    assert peak * kilobyte < 3e9
    assert count > 5 * 36 - 20  # Six by six whole copies of a photo of five faces.
    # The last column of copies begins at 3840 pixels, the last whole row at 2400.
    assert 3840 < corner[2] <= 4000 and 2400 < corner[3] <= 3000


def test_a_picture_lower_than_a_window_has_no_face(params, street):
    strip = np.tile(street[:13], (1, 4, 1))[:, :2000]  # Wider than any bucket.
    assert len(mj.detect(params, strip, QUICK).scores) == 0


def test_nothing_is_found_where_there_is_no_face(shared, params):
    faces = mj.detect(params, shared / "reference/photos/no-faces.jpg", QUICK)
    assert len(faces.scores) == 0


def test_no_face_gives_empty_arrays(params):
    faces = mj.detect(params, np.full((60, 80, 3), 127, np.uint8), QUICK)
    assert [field.shape for field in jax.tree.leaves(faces)] == [(0, 4), (0,), (0, 5, 2)]
    check_form(faces, 60, 80)


def test_batches_equal_one_by_one(params, street, astronaut):
    images = [
        street[200:420, 330:],
        astronaut[40:300, 100:400],
        np.zeros((9, 300, 3), np.uint8),
        Image.fromarray(astronaut[:260, 90:380]),
        street[160:400, 320:],
    ]
    one_by_one = [mj.detect(params, image, QUICK) for image in images]
    assert [len(faces.scores) > 0 for faces in one_by_one] == [True, True, False, True, True]
    # Of two there are more batches than arrays to lay them out in.
    for batch_size, config in ((1, QUICK), (2, SMALL)):
        found = mj.detect_batch(params, images + images[::-1], config, batch_size=batch_size)
        for faces, wanted in zip(found, one_by_one + one_by_one[::-1], strict=True):
            same(faces, wanted)
    assert mj.detect_batch(params, [], QUICK) == []


@pytest.mark.parametrize("batch_size", [1, 2])
def test_an_overflow_is_detected_again_at_larger_capacities(batch_size, params, street):
    """At the first capacities, all three of which overflow, six faces of ten are found."""
    image = street[160:420, 320:]
    wanted = mj.detect(params, image, dataclasses.replace(QUICK, thresholds=LOW))
    assert len(wanted.scores) > 8
    small = dataclasses.replace(SMALL, thresholds=LOW)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same(mj.detect_batch(params, [image], small, batch_size=batch_size)[0], wanted)


def test_an_overflow_that_stays_is_warned_of(params, street):
    small = mj.DetectConfig(min_face_size=40, capacities=(16, 4, 1), retries=0)
    with pytest.warns(UserWarning, match=r"went over the capacities \(16, 4, 1\)"):
        mj.detect(params, street[160:420, 320:], small)


@pytest.mark.parametrize(
    ("size", "retries", "wanted"),
    [((700, 900), 2, (8, 4, 2)), ((1080, 1920), 2, (32, 16, 8)), ((1080, 1920), 0, (8, 4, 2))],
)
def test_large_pictures_begin_with_larger_capacities(size, retries, wanted):
    seen = []

    def run(params, canvas, size, config):
        seen.append(config.capacities)
        return (np.zeros(3, int),)

    config = mj.DetectConfig(capacities=(8, 4, 2), retries=retries)
    run_one(run, {}, np.zeros((*size, 3), np.uint8), config)
    assert seen == [wanted]


def test_the_form_without_loops_comes_first_and_then_the_one_that_holds_all():
    seen, answers = [], [True, True, False]

    def run(params, canvas, size, config):
        seen.append((config.backend, config.capacities))
        return (np.full(3, answers[len(seen) - 1]),)

    config = mj.DetectConfig(backend="gpu_unrolled", capacities=(4096, 1024, 64))
    run_one(run, {}, np.zeros((480, 640, 3), np.uint8), config)
    first = (2048, 512, 64)  # Those of the backend, or the user's where they are less.
    later = [("gpu", (4096, 1024, 64)), ("gpu", (16384, 4096, 256))]
    assert seen == [("gpu_unrolled", first), *later]


def test_on_a_gpu_it_is_the_same_two_forms(monkeypatch):
    """Which are those that `warmup` compiles."""
    attempts.cache_clear()
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    found = {
        shape: [config.backend for config, _ in attempts(QUICK, shape, overflown=False)]
        for shape in [(480, 640), (1080, 1920)]
    }
    attempts.cache_clear()
    assert found == {(480, 640): ["gpu_unrolled", *["gpu"] * 3], (1080, 1920): ["gpu", "gpu"]}


@pytest.mark.parametrize(("retries", "looks"), [(0, 1), (1, 2)])
def test_a_picture_of_a_batch_that_overflows_is_not_looked_at_alike_again(retries, looks):
    seen = []

    def one(params, canvas, size, config):
        seen.append(config.capacities)
        return (np.zeros(3, int),)

    def many(params, canvases, sizes, config):
        seen.append(config.capacities)
        return (np.ones((2, 3), int) * np.array([[1], [0]]),)

    config = mj.DetectConfig(capacities=(8, 4, 2), retries=retries)
    images = [np.zeros((480, 640, 3), np.uint8)] * 2
    told = pytest.warns(UserWarning, match="went over") if looks == 1 else contextlib.nullcontext()
    with told:
        list(run_many(one, many, {}, images, config, 2))
    assert seen == [(8, 4, 2), (32, 16, 8)][:looks]


def test_noise_at_low_thresholds_stays_within_the_capacities(params):
    noise = np.random.default_rng(0).integers(0, 256, (160, 160, 3), np.uint8)
    config = dataclasses.replace(SMALL, min_face_size=12, thresholds=(0.01, 0.01, 0.01))
    with pytest.warns(UserWarning, match=r"went over the capacities \(2048, 512, 128\)"):
        found = mj.detect(params, noise, config)
    check_form(found, 160, 160)
    assert len(found.scores) <= 128


def test_stages_narrow_down_to_the_faces(params, street):
    image = street[160:420, 320:]
    stages = mj.detect_stages(params, [image], QUICK)[0]
    counts = [len(stages[name]) for name in ("pnet", "rnet", "onet")]
    assert counts[0] > counts[1] > counts[2] > 0
    faces = mj.detect(params, image, QUICK)
    np.testing.assert_allclose(stages["onet"][:, 4], faces.scores, atol=1e-5)
    only = mj.detect_stages(params, [image], QUICK, until="pnet")[0]
    assert list(only) == ["pnet"]
    np.testing.assert_allclose(only["pnet"], stages["pnet"], atol=1e-3)


def test_the_thresholds_on_the_device_are_not_copied_for_a_call():
    config = placed(QUICK)
    leaves = jax.tree.leaves(config)
    assert len(leaves) == 9 and all(isinstance(leaf, jax.Array) for leaf in leaves)
    again = jax.tree.leaves(config)
    assert all(one is other for one, other in zip(leaves, again, strict=True))


@pytest.mark.parametrize("batch_size", [1, 2])
def test_under_jit_the_way_is_told_and_no_trace_is_left(batch_size, params, monkeypatch):
    traces = []
    monkeypatch.setattr(stages, "detect_padded", stand_in(traces, cascade=stages.detect_padded))
    # Neither these thresholds nor, in a batch, this size are another test's.
    config = mj.DetectConfig(min_face_size=41.5, voting=0.625)
    image = np.zeros((61, 83, 3), np.uint8)

    def look(x=0):
        found = mj.detect_batch(params, [image], config, batch_size=batch_size)
        return x + len(found[0].scores)

    with pytest.raises(TypeError, match=r"this call is traced by jit.*there is detect_padded"):
        jax.jit(look)(2)
    assert look() == 0
    assert traces == [(160, 160, 3)] * (batch_size - 1)


def test_random_sizes_compile_at_most_twelve_times(params, monkeypatch):
    """300 pictures, 20 x 20 to 1600 x 1200, both orientations; every trace of the cascade counts.

    Tracing alone decides how often XLA compiles, so that a stand-in is traced, and run.
    """
    traces = []
    monkeypatch.setattr(stages, "detect_padded", stand_in(traces))
    # No other test's size, or its traces would do here.
    config = mj.DetectConfig(min_face_size=21.5, backend="reference")
    rng = np.random.default_rng(0)
    for number in range(300):
        height, width = rng.integers(20, 1201), rng.integers(20, 1601)
        if rng.uniform() < 0.5:
            height, width = width, height
        thresholds = (0.6, 0.7, 0.7) if number % 2 else (0.5, 0.6, 0.8)
        chosen = dataclasses.replace(config, thresholds=thresholds)
        mj.detect(params, np.zeros((height, width, 3), np.uint8), chosen)
    assert 5 <= len(traces) <= 12
    assert len(set(traces)) == len(traces)


def test_a_bucket_holds_every_picture_and_is_the_smallest_that_does():
    for height, width in [(1, 1), (480, 640), (640, 480), (481, 640), (1600, 1200), (13, 2000)]:
        shape = bucket_of(height, width)
        assert shape[0] >= height and shape[1] >= width
    assert bucket_of(480, 640) == (480, 640)
    assert bucket_of(769, 479) == (1024, 768)
    assert bucket_of(1080, 1920) == (1080, 1920)
    assert bucket_of(3000, 4000) == (3072, 4096)


@pytest.mark.parametrize("short", [1, 13, 17, 40, 100, 300, 700, 1030, 1300, 2000])
@pytest.mark.parametrize("long", [2000, 2049, 9000, 2**16])
def test_the_canvas_of_a_large_picture_follows_its_area(short, long):
    shape = bucket_of(short, long)
    assert shape == bucket_of(long, short)[::-1]
    if long > 1920:
        assert shape[0] <= max(16, 1.95 * short) and shape[1] <= max(1.5 * long, long + 1023)
    assert shape[0] % 16 == shape[1] % 16 == 0


@pytest.mark.parametrize(
    ("height", "width"), [(1, 200_000), (20_000_000, 1), (2**16 + 1, 1), (12_000, 12_000)]
)
def test_a_bucket_too_large_is_named(height, width):
    words = rf"{width} x {height} pixels; accepted are at most 134 megapixels, and sides of up to"
    for look in (bucket_of, lambda *size: mj.warmup(NETWORKS, [size])):
        with pytest.raises(ValueError, match=words):
            look(height, width)


def test_a_batch_of_large_pictures_is_smaller(monkeypatch):
    monkeypatch.setattr(batches, "MOST_PIXELS", 3 * 320 * 320)
    seen = []

    def many(params, canvases, sizes, config):
        seen.append(canvases.shape[:3])
        return (np.zeros((len(canvases), 3), int),)

    images = [np.zeros((side, side, 3), np.uint8) for side in (9, 300, 300, 300, 300, 600)]
    assert len(list(run_many(None, many, {}, images, QUICK, 4))) == 6
    # The third of 300 pixels and the one of 600 fill batches; the others go at the end.
    assert seen == [(3, 320, 320), (1, 768, 1024), (4, 160, 160), (3, 320, 320)]


@pytest.mark.parametrize(("height", "width"), [(1, 2**16 + 1), (200_000, 1)])
def test_a_picture_too_large_is_named(height, width):
    words = rf"{width} x {height} pixels; accepted are at most 134 megapixels, and sides of up to"
    picture = np.broadcast_to(np.uint8(0), (height, width, 3))
    for look in (
        lambda: mj.detect(NETWORKS, picture),
        lambda: mj.detect_batch(NETWORKS, [picture, ARRAY]),
        lambda: mj.detect_stages(NETWORKS, [picture]),
    ):
        with pytest.raises(ValueError, match=words):
            look()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"config": {"min_face_size": 40}}, TypeError, "config is a dict; accepted is a Detect"),
        ({"batch_size": 0}, ValueError, "batch_size is 0; accepted are whole numbers"),
        ({"batch_size": 2.0}, ValueError, "batch_size is 2.0"),
        ({"images": "photo.jpg"}, TypeError, "images is a str; accepted is a list"),
        ({"images": 5}, TypeError, "images is a int; accepted is a list"),
        ({"images": [np.zeros((4, 4), np.int64)], "params": NETWORKS}, TypeError, "int64"),
        ({"images": pathlib.Path("photo.jpg")}, TypeError, "images is a PosixPath; accepted is a"),
        ({"images": b"bytes"}, TypeError, "images is a bytes; accepted is a list"),
        ({"images": io.BytesIO(b"1\n2\n")}, TypeError, "images is a BytesIO; accepted is a list"),
        ({"images": Image.new("RGB", (9, 9))}, TypeError, "images is a Image; accepted is a list"),
        ({"images": ARRAY}, ValueError, r"an array \[9, 7, 3\], one picture; accepted is a list"),
        ({"images": jnp.asarray(ARRAY)}, ValueError, r"\[9, 7, 3\], one picture; accepted is a"),
        ({"images": ARRAY[..., 0]}, ValueError, r"\[9, 7\], one picture; accepted is a list"),
        ({}, TypeError, "params is a NoneType; accepted is what load_params gives"),
        ({"params": "weights.npz"}, TypeError, "params is a str; accepted is what load_params"),
        ({"params": {"pnet": {}}}, ValueError, "params has no network rnet, onet; accepted is"),
    ],
)
def test_bad_arguments_are_named(arguments, error, words):
    with pytest.raises(error, match=words):
        mj.detect_batch(**{"params": None, "images": [], **arguments})
    if "batch_size" not in arguments:
        with pytest.raises(error, match=words):
            mj.detect_stages(**{"params": None, "images": [], **arguments})
    if not arguments.keys() & {"batch_size", "images"}:
        with pytest.raises(error, match=words):
            mj.detect(**{"params": None, "image": ARRAY, **arguments})


def test_the_first_stages_want_no_more_than_their_networks():
    assert mj.detect_stages({"pnet": {}}, [], until="pnet") == []
    with pytest.raises(ValueError, match="params has no network rnet; accepted"):
        mj.detect_stages({"pnet": {}}, [], until="rnet")


def test_an_array_of_pictures_is_many(monkeypatch):
    seen = []

    def run(one, many, params, arrays, *arguments):
        seen.extend(array.shape for array in arrays)
        return iter([])

    monkeypatch.setattr(stream, "run_many", run)
    mj.detect_batch(NETWORKS, np.stack([ARRAY, ARRAY]), batch_size=2)
    assert seen == [(9, 7, 3), (9, 7, 3)]


@pytest.mark.parametrize("traced", [0, 1, 2])
def test_under_jit_the_way_is_told(traced):
    arguments = [{name: {"bias": np.zeros(3)} for name in NETWORKS}, ARRAY, QUICK]

    def look(argument):
        changed = [*arguments[:traced], argument, *arguments[traced + 1 :]]
        return mj.detect(*changed)

    with pytest.raises(TypeError, match=r"traced by jit.*accepted there is detect_padded"):
        jax.jit(look)(arguments[traced])


def test_an_unknown_stage_is_named():
    with pytest.raises(ValueError, match="until is 'snet'; accepted are pnet, rnet, onet"):
        mj.detect_stages(None, [], until="snet")
