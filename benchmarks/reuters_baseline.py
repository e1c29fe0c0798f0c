"""Reuters-R8: the release of the shipped recipe beside TF-IDF with logistic regression on the same rows.

python benchmarks/reuters_baseline.py        builds the recipe in the current folder, unless it was built before
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

from modelyard.cli.commands.quickstart import copy_recipe
from modelyard.core.dataset import Dataset
from modelyard.recipes.build import build
from modelyard.yard.yard import Yard


def baseline(data: Dataset) -> tuple[float, float]:
    """Test accuracy and macro F1 of logistic regression on TF-IDF of words and pairs of words."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import accuracy_score, f1_score
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2), LogisticRegression(C=30, max_iter=1000)
    )
    learnt = [text for split in ("train", "validation") for text in data.column(split, "text")]
    labels = [label for split in ("train", "validation") for label in data.column(split, "label")]
    model.fit(learnt, labels)
    found, truth = model.predict(data.column("test", "text")), data.column("test", "label")
    return float(accuracy_score(truth, found)), float(f1_score(truth, found, average="macro"))


def main() -> None:
    yard = Yard.default()
    built = build(copy_recipe("reuters-r8", Path.cwd()), yard)
    accuracy, macro = baseline(cast(Dataset, yard.get(str(built.release.attributes["data"]))))
    measures = built.page.measures
    print(f"{'':28} accuracy  macro F1")
    print(f"{'TF-IDF + logistic regression':28} {accuracy:8.4f}  {macro:8.4f}")
    print(f"{built.version.reference:28} {measures['accuracy'].value:8.4f}  {measures['f1_macro'].value:8.4f}")


if __name__ == "__main__":
    main()
