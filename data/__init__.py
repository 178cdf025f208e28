"""Code for data, never data. The command is `python -m data.prepare`.

In reading order:

archives: ZIPs, folders and the names in them, with errors that say who names what.
lines: text files of labels, with errors that name the line.
checks: pictures and labels against each other.
datasets: a file for each data set: builders and readers.
inspection: looking at the labels of a folder before they are trained on.
prepare: archives, or a labelled folder, into prepared data sets.
records: any prepared data set as one kind of record.
landmark_boxes: boxes of faces that have only points.
sampling: labelled windows of pictures, sorted into the kinds of samples.
samples: samples as files.
batches: which samples make a batch, and reading them ahead.
"""
