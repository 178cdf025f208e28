"""Samples for training: `python -m experiments.mine`.

In reading order:

config: what to make samples of, and how many.
windows: which windows of a picture make samples.
textures: drawn noise and stripes, pictures without a face.
before: the stages before one, which propose its windows.
shards: a stage's samples, made and saved a shard of pictures at a time.
origin: what samples were made of, so that others are refused.
shared: a folder for all runs whose samples are made of the same.
processes: what P-Net's shards are made in, which end with the command.
buckets: detection in many pictures of many sizes.
calibration: biases set so that the usual thresholds are good operating points.
"""
