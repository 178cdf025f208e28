"""The cascade: from a picture on its canvas to faces, as pure functions of fixed shapes.

In reading order, as README.md beside this file draws it:

stages: the three stages one after the other, and `detect_padded`, all of them.
arguments: what it is given, checked.
windows: what the stages hand to each other, and running a network over it.
boxes: boxes, points, and the one geometry that everything here shares.
pyramid: the levels of a picture that P-Net looks at.
packing: levels that go through P-Net together.
crops: what R-Net and O-Net look at, cut from halved pictures.
nms: exact greedy suppression.
voting: a face's box and points from all windows on it.
second_look: what R-Net and O-Net say when they look again, straight on and mirrored.
size_prior: odds of a face by the size of a window.
materialize: what the compiler is to compute once.
"""
