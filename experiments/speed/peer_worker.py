"""One of the packages to measure beside, in an interpreter of its own.

Run by `experiments.speed.peers` as `PYTHON peer_worker.py NAME`. It needs numpy and that package,
nothing of this project. Each line of its input is a request in JSON, each of its output the answer:
{"pictures": FILE.npy, "min_face_size": 20} loads uint8 [n, h, w, 3] and tells the faces found in
the first and, if it can, the windows that its first two networks left of the last, or on what it
failed; {} runs over all of them and tells the seconds it took.
"""

import json
import os
import sys
import time

import numpy as np

THRESHOLDS, FACTOR = (0.6, 0.7, 0.7), 0.709


def facenet_pytorch(min_face_size):
    """facenet-pytorch's detector: pictures [n, h, w, 3] to what it finds in the first."""
    import torch
    from facenet_pytorch import MTCNN

    torch.set_num_threads(os.cpu_count())
    net = MTCNN(
        keep_all=True, min_face_size=min_face_size, thresholds=list(THRESHOLDS), factor=FACTOR
    )

    def run(pictures):
        if len(pictures) == 1:
            return net.detect(pictures[0], landmarks=True)[0]
        return net.detect(list(pictures), landmarks=True)[0][0]

    return run


def mtcnn(min_face_size):
    """That of the mtcnn package, which takes one picture at a time."""
    from mtcnn import MTCNN

    net = MTCNN(device="CPU:0")
    names = ("threshold_pnet", "threshold_rnet", "threshold_onet")
    options = dict(zip(names, THRESHOLDS, strict=True), scale_factor=FACTOR)
    options["min_face_size"] = min_face_size

    def run(pictures):
        found = [net.detect_faces(picture, **options) for picture in pictures]
        return found[0]

    return run


def yunet(min_face_size):
    """OpenCV's YuNet, which has no smallest face."""
    import cv2

    cv2.setNumThreads(os.cpu_count())
    net = cv2.FaceDetectorYN.create(os.environ["YUNET_MODEL"], "", (320, 320), THRESHOLDS[2])

    def run(pictures):
        found = []
        for picture in pictures:
            net.setInputSize((picture.shape[1], picture.shape[0]))
            found.append(net.detect(np.ascontiguousarray(picture[..., ::-1]))[1])
        return found[0]

    return run


def ncnn(min_face_size):
    """MTCNN in C++ on ncnn, one picture at a time; its graphs lie in the folder NCNN_GRAPHS."""
    from ncnn_cascade import Cascade  # Beside this file, which runs as a script.

    cascade = Cascade(os.environ["NCNN_GRAPHS"], min_face_size, THRESHOLDS, FACTOR)

    def run(pictures):
        return [cascade(picture) for picture in pictures][0]

    run.windows = cascade.windows
    return run


PEERS = {"facenet_pytorch": facenet_pytorch, "mtcnn": mtcnn, "yunet": yunet, "ncnn": ncnn}


def main():
    """Answers until the input ends."""
    # What a package prints goes elsewhere than the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    make, run, pictures = PEERS[sys.argv[1]], None, None
    make(20)
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if "pictures" in request:
            pictures = np.load(request["pictures"])
            run = make(request["min_face_size"])
            try:
                found = run(pictures)
                answer = {"faces": 0 if found is None else len(found)}
                answer["windows"] = getattr(run, "windows", None)
            except Exception as error:  # Whatever another's package raises on a picture.
                told = str(error).strip().splitlines() or [""]
                answer = {"failed": f"{type(error).__name__}: {told[0]}"}
        else:
            start = time.perf_counter()
            run(pictures)
            answer = {"seconds": time.perf_counter() - start}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
