"""Make up for classes of unequal size, in the training split only."""

DEFAULT = "oversample"
