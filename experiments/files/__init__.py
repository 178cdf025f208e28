"""What the command detect reads and writes.

pictures: those that a path, a folder or a pattern stands for.
results: a line of faces.jsonl, and the picture with its faces drawn.
"""
