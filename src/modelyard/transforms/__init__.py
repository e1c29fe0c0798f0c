"""Data transforms that travel with a model, one file each."""
