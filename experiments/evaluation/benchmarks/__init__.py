"""The benchmarks: each one's data, its run over a set of weights, and predictions made elsewhere.

wider: WIDER FACE.
fddb: FDDB.
landmarks: CelebA and AFLW.
labelled, labelled_counts: any folder with labels, with pictures of what was missed.
robustness: the same, corrupted.
registry: all of them by name, for the command.
"""
