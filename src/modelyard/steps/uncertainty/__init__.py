"""How uncertain a classifier is of each answer, and whether that tells the wrong ones."""

DEFAULT = "dropout"
