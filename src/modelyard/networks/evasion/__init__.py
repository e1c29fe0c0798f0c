"""Attacks that follow a network's gradient to an input that it answers wrongly. Tensors in, tensors out."""
