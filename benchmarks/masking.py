"""How much of the personal data in a generated corpus is found, and how much of what is found is personal.

python benchmarks/masking.py [TEXTS] [SEED]
"""

import sys
import time

from modelyard.core.report import Measure
from modelyard.methods.personal_data import find
from modelyard.methods.span_scores import score
from modelyard.testing.personal_texts import Language, corpus

texts = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
labelled = corpus(texts, seed=int(sys.argv[2]) if len(sys.argv) > 2 else 0)
start = time.perf_counter()
found = [{(item.kind, item.start, item.end) for item in find(entry.text)} for entry in labelled]
seconds = time.perf_counter() - start


def show(measure: Measure) -> str:
    if measure.value is None:
        return "–".rjust(22)
    return f"{measure.value:.4f} ({measure.low:.3f} to {measure.high:.3f})"


languages: tuple[Language, ...] = ("en", "zh")
for language in languages:
    pairs = [(guess, entry.truth) for guess, entry in zip(found, labelled, strict=True) if entry.language == language]
    print(f"{language:<10}{'precision (95%)':>24}{'recall (95%)':>26}{'there':>8}")
    for kind, scored in score(pairs).items():
        print(f"{kind:<10}{show(scored.precision):>24}{show(scored.recall):>26}{scored.recall.n or 0:>8}")
characters = sum(len(entry.text) for entry in labelled)
print(f"{texts} texts, {characters / seconds / 1e6:.2f} million characters a second")
