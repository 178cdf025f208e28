"""The commands, `python -m experiments.NAME`: flags, files, checkpoints, figures.

    detect      faces of photos: the command `mtcnn-jax detect`, with absl's flags
    detect_bulk faces of millions of photos: many workers, Parquet out
    demo        a page in the browser: faces, and what each stage left
    convert     the weights of facenet-pytorch, mtcnn or facenet into this project's format
    export      detection as StableHLO, or its networks as ONNX, for other programs
    mine        samples of one stage, from prepared data and the stages before
    train       one stage from samples, or all three from prepared data
    sweep       a grid of runs that differ in fields of a recipe
    curves      draws what a run told of itself again
    evaluate    WIDER FACE, FDDB, AFLW, CelebA and labelled folders, by the papers' protocols
    benchmark   the speed of detection, its stages and training, beside other packages
    ablate      the paper's studies, beside its own numbers

What they do lies in the rooms of their subjects: training, mining, evaluation, speed, sweeps,
studies, bulk and demonstration; cluster is what joins processes that train together, files is what
convert reads and export writes, console what all of them share. configs holds recipes, recipes
reads them and makes a flag of each field.
"""
