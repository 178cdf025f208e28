"""What the commands share.

command: their flags, and errors as one sentence.
markdown: tables of reports.
detection: the flags of detection, which two commands have.
"""
