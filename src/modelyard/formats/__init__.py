"""File formats that several runtimes share: how a network becomes an ONNX graph, which files travel with a model.

Knows tasks through their protocol and no runtime; runtimes may not import each other, so what two of them need
stands here.
"""
