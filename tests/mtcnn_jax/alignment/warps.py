"""Oracles of alignment in plain NumPy, and pictures with a known answer at every point."""

import numpy as np


def umeyama(points, goal):
    """[2, 3], the similarity of least squares by SVD (Umeyama 1991), mirrored never."""
    centre, middle = points.mean(0), goal.mean(0)
    moved, wanted = points - centre, goal - middle
    u, values, vt = np.linalg.svd(wanted.T @ moved)
    signs = np.array([1, np.sign(np.linalg.det(u @ vt))])
    turn = u @ np.diag(signs) @ vt
    scale = (values * signs).sum() / (moved**2).sum()
    return np.column_stack([scale * turn, middle - scale * turn @ centre])


def whole(matrix):
    """[3, 3] of [2, 3]."""
    return np.vstack([matrix, [0, 0, 1]])


def turned(angle, scale, shift):
    """[2, 3]: turned by degrees, scaled and shifted."""
    a, b = scale * np.cos(np.deg2rad(angle)), scale * np.sin(np.deg2rad(angle))
    return np.array([[a, -b, shift[0]], [b, a, shift[1]]])


def move(matrix, points):
    return points @ matrix[:, :2].T + matrix[:, 2]


def area_means(picture, inverse, shape, *, each=None):
    """[h, w, 3]: means over the turned square of each of a crop's pixels, by many points in it.

    `each` points along a side, by default two or more for each of the picture's pixels. The
    picture is constant over each of its pixels, and black outside.
    """
    each = each or 2 * int(np.ceil(np.hypot(*inverse[:, 0]))) + 1
    steps = (np.arange(each) + 0.5) / each
    rows = np.arange(shape[0])[:, None, None, None] + steps[:, None]
    columns = np.arange(shape[1])[:, None, None] + steps
    rows, columns = np.broadcast_arrays(rows, columns)
    at = np.floor(move(inverse, np.stack([columns, rows], -1))).astype(int)
    inside = ((at >= 0) & (at < picture.shape[1::-1])).all(-1)
    at = np.clip(at, 0, np.array(picture.shape[1::-1]) - 1)
    found = picture[at[..., 1], at[..., 0]] * inside[..., None]
    return found.mean((2, 3))


def waves(points):
    """[..., 3], 30 to 225: a smooth picture's colours at (x, y) [..., 2]."""
    x, y = points[..., 0], points[..., 1]
    phases = [(x + 0.4 * y) / 12, (y - 0.3 * x) / 15 + 1, (x + y) / 18 + 2]
    return 127.5 + 97 * np.sin(np.stack(phases, -1))


def centres(height, width):
    """[h, w, 2], (x, y) of each pixel's centre."""
    y, x = np.mgrid[:height, :width] + 0.5
    return np.stack([x, y], -1)
