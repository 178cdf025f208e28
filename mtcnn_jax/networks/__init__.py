"""The three networks, and the forms that they are computed in.

In reading order:

layers: sizes, pixels and pooling, which all forms share.
reference: P-Net, R-Net and O-Net as flax modules, which all other forms are held to.
cpu, gpu: the same numbers, arranged for a CPU and for a GPU.
backends: which of them is meant, and how many windows suit it.
forward: runs the one that is meant; flax is loaded for the reference alone.
"""
