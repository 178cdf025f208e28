"""Other packages in other interpreters, played by small modules of the same names."""

import sys

import numpy as np
import pytest

from experiments.speed import peers

MTCNN = """
print("a word that is no answer")
class MTCNN:
    def __init__(self, device):
        assert device == "CPU:0"
    def detect_faces(self, picture, **options):
        assert options["min_face_size"] == 40 and options["threshold_rnet"] == 0.7
        assert options["scale_factor"] == 0.709
        return [{}] * int(picture[0, 0, 0])
"""
TORCH = "def set_num_threads(count): assert count >= 1"
FACENET = """
class MTCNN:
    def __init__(self, **options):
        assert options["thresholds"] == [0.6, 0.7, 0.7] and options["keep_all"]
    def detect(self, pictures, landmarks):
        if isinstance(pictures, list):
            return [[0] * len(pictures)], None
        return None, None
"""


@pytest.fixture
def packages(tmp_path, monkeypatch):
    for name, text in (("mtcnn", MTCNN), ("torch", TORCH), ("facenet_pytorch", FACENET)):
        (tmp_path / f"{name}.py").write_text(text)
    (tmp_path / "cv2.py").write_text("raise ImportError('there is no cv2 here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def test_a_peer_looks_at_what_it_is_given_and_times_itself(packages):
    (peer,), skipped = peers.start_peers(["mtcnn"], {})
    assert skipped == []
    pictures = np.full((2, 8, 9, 3), 3, np.uint8)
    assert peer.prepare(pictures, 40) == 3
    assert 0 < peer.run() < 5
    peer.close()


def test_batches_go_through_facenet_pytorch_together(packages):
    (peer,), _ = peers.start_peers(["facenet_pytorch"], {"facenet_pytorch": sys.executable})
    assert peer.prepare(np.zeros((1, 8, 8, 3), np.uint8), 20) == 0
    assert peer.prepare(np.zeros((4, 8, 8, 3), np.uint8), 20) == 4
    peer.close()


def test_those_that_are_not_there_are_named(packages):
    running, skipped = peers.start_peers(["yunet", "mtcnn"], {"mtcnn": "/none/python"})
    assert running == []
    assert len(skipped) == 2
    assert "yunet: ended with ImportError: there is no cv2 here" in skipped[0]
    assert "mtcnn: /none/python does not start" in skipped[1]


def test_one_that_fails_on_a_picture_says_why_and_goes_on(packages):
    (peer,), _ = peers.start_peers(["mtcnn"], {})
    pictures = np.ones((1, 8, 8, 3), np.uint8)
    with pytest.raises(peers.PictureError, match="mtcnn: AssertionError"):
        peer.prepare(pictures, 20)
    assert not peer.failure
    assert peer.prepare(pictures, 40) == 1
    peer.close()


def test_one_that_ends_says_why(packages, tmp_path):
    text = MTCNN.replace("assert options", "raise SystemExit('out of memory')  #")
    (tmp_path / "mtcnn.py").write_text(text)
    (peer,), _ = peers.start_peers(["mtcnn"], {})
    with pytest.raises(peers.PeerError, match="mtcnn: ended with out of memory"):
        peer.prepare(np.zeros((1, 8, 8, 3), np.uint8), 40)
    with pytest.raises(peers.PeerError, match="mtcnn: ended with out of memory"):
        peer.run()
    assert peer.failure == "mtcnn: ended with out of memory"
    peer.close()


def test_flags_are_checked():
    assert peers.parse_pythons(["mtcnn=a=b"]) == {"mtcnn": "a=b"}
    for text in ("mtcnn", "dlib=python", "mtcnn="):
        with pytest.raises(ValueError, match="accepted: name=path with a name among"):
            peers.parse_pythons([text])
    with pytest.raises(ValueError, match="--peers=dlib; accepted are facenet_pytorch, mtcnn, yun"):
        peers.start_peers(["mtcnn", "dlib"], {})
