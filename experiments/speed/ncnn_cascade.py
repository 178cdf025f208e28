"""The cascade on ncnn, as its users write it in C++; `peer_worker` runs it in an own interpreter.

Levels by ncnn's bilinear resize, one crop a call, suppression by OpenCV; networks by `ncnn_graph`.
It needs numpy, ncnn and OpenCV, nothing of this project.
"""

import math
import os

import cv2
import ncnn
import numpy as np

RGB = ncnn.Mat.PixelType.PIXEL_RGB
OUTPUTS = {
    "pnet": ("prob", "reg"),
    "rnet": ("prob", "reg"),
    "onet": ("prob", "reg", "landmarks"),
}


def suppressed(boxes, scores, threshold):
    """The rows of `boxes` [n, 4], xyxy, that greedy suppression leaves, best first."""
    sides = np.column_stack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
    return np.array(cv2.dnn.NMSBoxes(sides, scores, 0.0, threshold), int).ravel()


def apart(boxes, scores, threshold):
    """The same where an overlap is a share of the smaller box, as after O-Net; of few boxes."""
    left, kept = list(np.argsort(-scores, kind="stable")), []
    while left:
        best = left.pop(0)
        kept.append(best)
        low = np.maximum(boxes[best, :2], boxes[left, :2])
        high = np.minimum(boxes[best, 2:], boxes[left, 2:])
        shared = np.maximum(high - low, 0).prod(axis=1)
        areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
        over = shared / np.minimum(areas[best], areas[left]) > threshold
        left = [row for row, gone in zip(left, over, strict=True) if not gone]
    return kept


def squares(boxes):
    """Squares with the centres of `boxes` [n, 4] and their longer sides."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    return np.concatenate([centres - half, centres + half], axis=1)


def moved(boxes, offsets):
    """`boxes` [n, 4] by the networks' offsets [n, 4]."""
    return boxes + offsets * np.tile(boxes[:, 2:] - boxes[:, :2], 2)


class Cascade:
    """The three networks, and the windows that the first two left of the last picture.

    Attributes:
        windows: counts after P-Net and R-Net.
    """

    def __init__(self, folder, min_face_size, thresholds, factor):
        self._least, self._thresholds, self._factor = min_face_size, thresholds, factor
        self._nets = {}
        for stage in ("pnet", "rnet", "onet"):
            net = ncnn.Net()
            net.opt.num_threads = os.cpu_count()
            net.load_param(os.path.join(folder, f"{stage}.param"))
            net.load_model(os.path.join(folder, f"{stage}.bin"))
            self._nets[stage] = net
        self.windows = [0, 0]

    def _run(self, stage, image, height, width):
        """A network's outputs on uint8 [h, w, 3], made `height` x `width`."""
        pixels = ncnn.Mat.from_pixels_resize(
            np.ascontiguousarray(image), RGB, image.shape[1], image.shape[0], width, height
        )
        pixels.substract_mean_normalize([127.5] * 3, [1 / 128] * 3)
        extractor = self._nets[stage].create_extractor()
        extractor.input("data", pixels)
        return [np.array(extractor.extract(name)[1]) for name in OUTPUTS[stage]]

    def _proposed(self, image):
        height, width = image.shape[:2]
        found, scale = [], 12 / self._least
        while min(height, width) * scale >= 12:
            size = math.ceil(height * scale), math.ceil(width * scale)
            prob, reg = self._run("pnet", image, *size)
            rows, columns = np.nonzero(prob[1] > self._thresholds[0])
            corners = np.column_stack([columns, rows]) * 2
            boxes = np.concatenate([corners, corners + 12], axis=1) / scale
            scores, offsets = prob[1][rows, columns], reg[:, rows, columns].T
            kept = suppressed(boxes, scores, 0.5)
            found.append([part[kept] for part in (boxes, scores, offsets)])
            scale *= self._factor
        if not found:
            return np.zeros((0, 4))
        boxes, scores, offsets = map(np.concatenate, zip(*found, strict=True))
        kept = suppressed(boxes, scores, 0.7)
        return squares(moved(boxes[kept], offsets[kept]))

    def _passed(self, stage, image, windows, side, threshold):
        """Of windows [n, 4] those over the threshold, with scores and offsets: one crop a call."""
        found = [np.zeros((0, 4)), np.zeros(0), np.zeros((0, 4))]
        for window in windows:
            left, top, right, bottom = np.round(window).astype(int)
            inside = image[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
            edges = (max(-top, 0), max(bottom - image.shape[0], 0))
            sides = (max(-left, 0), max(right - image.shape[1], 0))
            crop = np.pad(inside, (edges, sides, (0, 0))) if any(edges + sides) else inside
            prob, offsets, *_ = self._run(stage, crop, side, side)
            if prob[1] > threshold:
                row = (window, prob[1], offsets)
                found = [np.append(a, [b], axis=0) for a, b in zip(found, row, strict=True)]
        return found

    def __call__(self, image):
        """float [n, 5], the faces of uint8 [h, w, 3]: boxes and scores."""
        windows = self._proposed(image)
        self.windows[:] = len(windows), 0
        windows, scores, offsets = self._passed("rnet", image, windows, 24, self._thresholds[1])
        kept = suppressed(windows, scores, 0.7)
        windows = squares(moved(windows[kept], offsets[kept]))
        self.windows[1] = len(windows)
        windows, scores, offsets = self._passed("onet", image, windows, 48, self._thresholds[2])
        faces = moved(windows, offsets)
        return np.column_stack([faces, scores])[apart(faces, scores, 0.7)]
