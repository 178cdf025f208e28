"""A file for each data set, or each form of labels.

builder: what the builders have in common.
wider_face, celeb_a: builders of TensorFlow Datasets from the archives as they are downloaded.
wider_points: RetinaFace's five points of WIDER FACE's faces.
aflw, fddb: readers of the benchmarks' own folders.
labels: those of one picture, whatever form they were written in.
retinaface: RetinaFace's text of boxes and five points.
coco: COCO's JSON.
labelled: any folder of pictures with labels in WIDER FACE's, RetinaFace's or COCO's form.
folder: such a folder as a data set to train on, with a split of its own.
"""
