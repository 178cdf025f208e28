"""Faces of millions of pictures: a folder, a bucket or Parquet in, Parquet out, by many workers.

In reading order:

settings: what a job is asked for, checked.
storage: folders and buckets by fsspec; files that appear whole; failures as one sentence.
listing: the names in a folder, or the rows of Parquet files, as they come.
manifest: these in partitions, written once, so that no process holds a list of all.
pictures: those of a partition, fetched and decoded ahead.
partitions: the table of a partition, one file.
attempts: who died of which picture.
isolation: a picture decoded in a process of its own, which may die of it.
detector: a worker: a partition in, its file out.
cluster: Ray, in this process's charge or as others run it.
pipeline: the job: which partitions are left, workers for them, how far it is.
"""
