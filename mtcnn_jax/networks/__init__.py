"""The three networks, and the backends that compute them.

In reading order:

layers: sizes, pixels and pooling, which all backends share.
reference: P-Net, R-Net and O-Net as flax modules, which the others are held to.
cpu, gpu: the same numbers, arranged for a CPU and for a GPU.
forks: processes that cannot use any backend.
backends: their names, which of them suits this machine, and how many windows suit it.
forward: runs a network on a backend; flax is loaded for the reference alone.
"""
