"""Another form of the same model, for another runtime: the same answers, faster or smaller."""

DEFAULT = "onnxruntime"
"""``export onnxruntime``: the widest spread of them, on every chip."""
