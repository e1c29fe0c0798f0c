"""Converts a ``torch.export`` program to LiteRT; run as a script by the Python of another environment.

litert-torch wants other versions than modelyard does, so this file imports nothing of modelyard.
Arguments: the program, the file to write, and fp32 or int8.
"""

import sys

if __name__ == "__main__":
    import litert_torch
    import torch

    source, target, precision = sys.argv[1:]
    program = torch.export.load(source)
    arguments, _ = program.example_inputs
    converted = litert_torch.convert(program.module(), arguments)
    converted.export(target)
    if precision == "int8":
        from ai_edge_quantizer import quantizer, recipe

        work = quantizer.Quantizer(target)
        # Weights in int8; activations are quantized as they come, with the range that they have.
        work.load_quantization_recipe(recipe.dynamic_wi8_afp32())
        work.quantize().export_model(target, overwrite=True)
