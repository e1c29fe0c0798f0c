"""Runtimes: where a model runs, one file each. Knows no task by name."""
