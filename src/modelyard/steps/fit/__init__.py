"""Models of scikit-learn, fitted to a table and kept as ONNX."""

DEFAULT = "forest"
