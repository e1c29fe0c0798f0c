"""Fill what is missing in tables, as learned on the training split; the model fills requests in the same way."""

DEFAULT = "median"
