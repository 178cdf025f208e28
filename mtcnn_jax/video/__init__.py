"""Videos: the faces of each frame, who is who, and the video with its faces drawn or hidden.

In reading order:

detection: a file in, each frame's time and faces out.
reading: frames of a file, upright and at their times; ahead takes them in a thread of its own.
tracking: which face is which, from frame to frame; tracked_faces say so.
smoothing: the one-euro filter.
annotation: the video with something drawn on each frame.
writing: frames into a file; sound copies the sound.

PyAV is imported where a file is opened.
"""
