"""The command line: generated from the steps, plus the few commands that are not steps.

Holds no logic of its own; every command is a thin shell over a function in a room below.
"""
