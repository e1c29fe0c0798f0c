"""Tasks: what a model does, one file each. Knows no runtime."""
