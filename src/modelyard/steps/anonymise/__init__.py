"""Make people in a table look alike, and see whether they do."""

DEFAULT = "generalise"
