"""Files of other programs: those that the command convert reads, and those that export writes.

pickles: NumPy's arrays in a pickle, without running what else it may hold.
packages: those that carry the authors' weights, and how their files are read.
sources: where a package's weights are: in a folder, a wheel, an .npz or a file of their own.
cascade: all of detection at one size of canvas, by `jax.export`, and what it takes and gives.
networks: P-Net, R-Net and O-Net as graphs of ONNX.
"""
