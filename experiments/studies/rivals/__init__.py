"""The networks that the paper sets P-, R- and O-Net against, made to be compared with.

In reading order:

cascade_cnn: the 12-, 24- and 48-nets of Li et al., 2015.
classify: networks trained to tell faces from the rest, and no more.
passes: forward passes of networks, timed in turns.
cascade_detect: the cascade of those, whole pictures in and windows of faces out.
"""
