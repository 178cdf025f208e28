"""How detections are scored.

wider, wider_predictions: WIDER FACE's official protocol, and its text files.
fddb: FDDB's, with ellipses.
landmark_error: errors of points over the distance between the eyes.
average_precision: precision over recall at any IoU, for labelled pictures of any kind.
"""
