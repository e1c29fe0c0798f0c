"""Steps that give answers a promise: sets of classes, intervals around numbers."""

DEFAULT = "sets"
