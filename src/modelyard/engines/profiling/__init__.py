"""What a dataset is like, one question a file; each gives findings with a picture. The step ``profile`` asks all."""

from modelyard.engines.profiling import classes, drift, duplicates, gaps, labels, lengths, outlying, personal
from modelyard.engines.profiling.rows import Rows

__all__ = ["Rows", "classes", "drift", "duplicates", "gaps", "labels", "lengths", "outlying", "personal"]
