"""A file for each data set, or each form of labels.

builder: what the builders have in common.
wider_face, celeb_a: builders of TensorFlow Datasets from the archives as they are downloaded.
aflw, fddb: readers of the benchmarks' own folders.
labelled: any folder of pictures with labels in WIDER FACE's or COCO's form.
"""
