"""Bring the numbers of a table to like size, as learned on the training split; the model does it to every row."""

DEFAULT = "standard"
