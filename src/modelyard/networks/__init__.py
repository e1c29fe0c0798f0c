"""Torch modules and surgery on them, shared by tasks, engines and steps.

Arrays and modules only: knows no artifact, no task and no runtime. Torch is imported inside functions or in files
that only a torch path loads.
"""
