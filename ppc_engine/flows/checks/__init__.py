"""What is wrong with flows although a call could walk them: found before a caller hears it.

Each check is a pure function from everything that is known (``FlowCase``) to issues; ``every_check.py`` lists them.
"""
