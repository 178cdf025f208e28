"""Weights: the bundled ones, `mtcnn.npz` with its model card, and how any are read and written.

In reading order:

formats: how tensors are named and laid out, here and in the ports.
checks: tensors held against a format, and brought into ours.
npz: reading files, of which nothing is unpacked before it is known to be weights.
params: loads, checks and saves parameters.
"""
