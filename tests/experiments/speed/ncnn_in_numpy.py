"""What `ncnn_cascade` uses of ncnn, in NumPy, by the format's description: to read its graphs with.

Stands in for the module `ncnn` in an interpreter that a test starts.
"""

import numpy as np
from PIL import Image


class Mat:
    """Numbers [channels, h, w]."""

    class PixelType:
        """The orders of a picture's channels."""

        PIXEL_RGB = 1

    def __init__(self, numbers):
        self.numbers = numbers

    @staticmethod
    def from_pixels_resize(array, kind, width, height, to_width, to_height):
        """A picture of h x w, resized."""
        assert kind == 1 and array.shape == (height, width, 3)
        resized = Image.fromarray(array).resize((to_width, to_height), Image.Resampling.BILINEAR)
        return Mat(np.asarray(resized, np.float32).transpose(2, 0, 1))

    def substract_mean_normalize(self, means, factors):
        """(x - mean) * factor, by channel."""
        shape = (3, 1, 1)
        self.numbers = (self.numbers - np.reshape(means, shape)) * np.reshape(factors, shape)

    def __array__(self, dtype=None, copy=None):
        return self.numbers


def windows(x, size, stride):
    """[channels, h, w, size, size]: the neighbourhoods of every place."""
    views = np.lib.stride_tricks.sliding_window_view(x, (size, size), (1, 2))
    return views[:, ::stride, ::stride]


class Net:
    """A network, read from both files."""

    class Options:
        """How to run it."""

        num_threads = 1

    def __init__(self):
        self.opt = Net.Options()

    def load_param(self, path):
        """Reads the layers."""
        with open(path) as file:
            magic, counts, *lines = file.read().splitlines()
        self.layers = []
        for line in lines:
            kind, name, inputs, outputs, *rest = line.split()
            inputs, outputs = int(inputs), int(outputs)
            blobs, settings = rest[: inputs + outputs], rest[inputs + outputs :]
            settings = {int(key): int(value) for key, value in (s.split("=") for s in settings)}
            self.layers.append((kind, name, blobs[:inputs], blobs[inputs:], settings))
        blobs = {blob for _, _, _, outputs, _ in self.layers for blob in outputs}
        assert magic == "7767517" and counts == f"{len(self.layers)} {len(blobs)}"

    def load_model(self, path):
        """Reads the numbers, all of them."""
        left = np.fromfile(path, np.float32)
        self.numbers = {}

        def take(count):
            nonlocal left
            taken, left = left[:count], left[count:]
            assert len(taken) == count
            return taken

        for kind, name, _, _, settings in self.layers:
            if kind in ("Convolution", "InnerProduct"):
                assert not take(1).view(np.uint32)[0]
                weights = take(settings[6 if kind == "Convolution" else 2])
                self.numbers[name] = weights.reshape(settings[0], -1), take(settings[0])
            elif kind == "PReLU":
                self.numbers[name] = take(settings[0])
        assert not len(left)

    def create_extractor(self):
        """One run."""
        return Extractor(self)


class Extractor:
    """A run of a network, all of it on the first question."""

    def __init__(self, net):
        self.net, self.blobs = net, {}

    def input(self, name, mat):
        """Sets an input."""
        self.blobs[name] = np.asarray(mat, np.float32)

    def extract(self, name):
        """An output."""
        for kind, layer, inputs, outputs, settings in self.net.layers[1:]:
            x = self.blobs[inputs[0]]
            numbers = self.net.numbers.get(layer)
            found = getattr(self, kind.lower())(x, settings, numbers)
            self.blobs |= dict.fromkeys(outputs, found)
        return 0, Mat(self.blobs[name])

    def convolution(self, x, settings, numbers):
        """VALID, stride 1."""
        weights, bias = numbers
        near = windows(x, settings[1], 1).transpose(1, 2, 0, 3, 4)
        near = near.reshape(*near.shape[:2], -1)
        return (near @ weights.T + bias).transpose(2, 0, 1)

    def innerproduct(self, x, settings, numbers):
        """Of all numbers, channels first."""
        return numbers[0] @ x.ravel() + numbers[1]

    def prelu(self, x, settings, slopes):
        """By channel."""
        slopes = slopes.reshape(-1, *[1] * (x.ndim - 1))
        return np.where(x > 0, x, slopes * x)

    def pooling(self, x, settings, numbers):
        """Maxima; sizes rounded up."""
        assert settings[0] == settings[5] == 0
        size, stride = settings[1], settings[2]
        pads = [(0, (size - length) % stride) for length in x.shape[1:]]
        x = np.pad(x, ((0, 0), *pads), constant_values=-np.inf)
        return windows(x, size, stride).max(axis=(3, 4))

    def split(self, x, settings, numbers):
        """The same for several."""
        return x

    def softmax(self, x, settings, numbers):
        """Over channels."""
        assert settings[0] == 0
        powers = np.exp(x - x.max(axis=0))
        return powers / powers.sum(axis=0)
