"""Faces turned upright and cut out for what comes after detection, or made unrecognisable.

In reading order:

align: faces of a picture in, uint8 crops out.
padded: the pure function of fixed shapes that does the same under `jit`.
similarity: the least-squares turn, scale and shift of points onto a template.
templates: where a crop has its face: ArcFace's five points, or the box.
squares: a picture's mean over squares, in NumPy and in JAX alike.
blur: faces made unrecognisable.
arguments: what all of these are given, checked.
"""
