"""What the commands share.

command: exit codes, and errors as one sentence.
compilations: where compiled functions are kept between runs.
writing: lines added to a file as they come, and never where a link leads.
markdown: tables of reports.
"""
