"""Evaluation as the papers do it, and what they do not say: `python -m experiments.evaluate`.

In reading order:

settings: what every benchmark takes and gives.
protocols: how detections are scored; nothing here runs a network.
detections: detections in many pictures, kept in a file, so that a run goes on.
stage_recall, lost_faces: what each stage leaves, and which lost each missed face.
corruptions: pictures made grey, dark, masked and tilted.
gallery, coco_results: missed and false faces as pictures, and results in COCO's form.
benchmarks: a file for each benchmark, and the registry of all.
bootstrap: differences between weights, by drawing the pictures anew.
reports: tables and plots.
"""
