"""What the studies of training share: arms that differ in one field, trained, judged, compared.

In reading order:

runs: an arm, and its run with each seed.
detections: what one network finds, alone or on the windows of the stages before.
judges: WIDER FACE's validation pictures, and FDDB where the user has it.
comparison: differences over pictures and seeds, as a table.
drawing: detection curves with their spread over seeds.
"""
