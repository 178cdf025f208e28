"""The files that the command convert reads.

pickles: NumPy's arrays in a pickle, without running what else it may hold.
packages: those that carry the authors' weights, and how their files are read.
sources: where a package's weights are: in a folder, a wheel, an .npz or a file of their own.
"""
