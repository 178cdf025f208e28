"""Looking at labels before they are trained on.

faces: what looks wrong with the faces of one picture.
findings: what looks wrong with a folder, each with its line.
sheet: the labels drawn on their pictures, many on one sheet.
"""
