"""Other splits of the same rows: a fold of a cross-validation, or a share of the training rows."""

DEFAULT = "fold"
