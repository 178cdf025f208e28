"""Weights: the bundled ones, `mtcnn.npz` with its model card, and how any are read and written.

In reading order:

formats: how tensors are named and laid out, here and in the ports.
params: loads, checks and saves parameters.
"""
