"""How detections are scored.

wider, wider_truth, wider_predictions: WIDER FACE's official protocol, and its files.
fddb: FDDB's, with ellipses.
landmark_error: errors of points over the distance between the eyes.
figures: what is reported, as functions of how often each picture counts.
average_precision: precision over recall at any IoU, for labelled pictures of any kind.
"""
