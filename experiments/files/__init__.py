"""What the commands detect and convert read and write.

pictures: those that a path, a folder or a pattern stands for.
results: a line of faces.jsonl, and the picture with its faces drawn.
pickles: NumPy's arrays in a pickle, without running what else it may hold.
packages: those that carry the authors' weights, and how their files are read.
sources: where a package's weights are: in a folder, a wheel, an .npz or a file of their own.
"""
