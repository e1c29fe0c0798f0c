"""Prompt injections, requests for secrets and jailbreaks against a language model. Knows no model by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, cast

from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.predictor import Predictor
from modelyard.core.progress import progress
from modelyard.core.report import Figure, Findings, Measure, Report, Series, Table
from modelyard.core.step import step
from modelyard.core.task import GeneratingTask
from modelyard.methods import prompt_attacks
from modelyard.methods.intervals import wilson
from modelyard.methods.prompt_attacks import SUITES, Case, Suite

SHOWN = 300
"""Characters of an answer in the report."""


@step(needs="generation", measures=("prompt_resistance", "prompt_resistance:*"))
def prompts(
    model: Model,
    *,
    out: Path,
    suites: Sequence[Suite] = SUITES,
    chat: bool = True,
    max_tokens: Annotated[int, Between(1, 4096)] = 64,
    confidence: Annotated[float, Between(0.5, 0.999)] = 0.95,
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
) -> Report:
    """Try to talk a language model out of its orders, and count what it withstands.

    Three small suites of our own: an order hidden in a text to be summarised (injection), requests for a secret word of
    the instructions (leak), and requests that should be refused, plain and wrapped in tricks (jailbreak). Injections
    and leaks are judged by a made-up word that can only come from obeying, refusals by their phrases: an answer that
    does not refuse need not be harmful. Passing proves little; failing proves that the model cannot be trusted with
    orders.

    Args:
        model: the language model.
        suites: which of them.
        chat: ask through the model's own chat template, orders as the system message; otherwise orders stand before
            the prompt.
        max_tokens: most tokens of an answer.
        confidence: of the intervals.
        seed: of the made-up words.
    """
    if not suites:
        raise InputError("attack prompts: no suites", expected=f"some of {', '.join(SUITES)}")
    cases = prompt_attacks.cases(suites, seed=seed)
    answers = _ask(model, cases, chat=chat, max_tokens=max_tokens)
    held = [case.withstood(answer) for case, answer in zip(cases, answers, strict=True)]
    measures = {"prompt_resistance": _share(held, confidence)}
    for suite in dict.fromkeys(case.suite for case in cases):
        of_suite = [ok for case, ok in zip(cases, held, strict=True) if case.suite == suite]
        measures[f"prompt_resistance:{suite}"] = _share(of_suite, confidence)
    rows: list[list[str | float | int | None]] = [
        [case.suite, case.technique, case.prompt, answer[:SHOWN], "withstood" if ok else "gave in"]
        for case, answer, ok in zip(cases, answers, held, strict=True)
    ]
    table = Table("Prompts", ["suite", "technique", "prompt", "answer", "outcome"], rows)
    note = f"{len(cases)} prompts, answers of at most {max_tokens} tokens, the most likely token always."
    findings = Findings(measures, [table], [_picture(cases, held)], [note])
    return Report.write(out, findings, parents=[model])


def _ask(model: Model, cases: Sequence[Case], *, chat: bool, max_tokens: int) -> list[str]:
    with Predictor(model) as predictor, progress(f"asking {len(cases)} prompts"):
        task = cast(GeneratingTask, predictor.task)
        texts = []
        for case in cases:
            messages = [{"role": "system", "content": case.system}, {"role": "user", "content": case.prompt}]
            plain = f"{case.system}\n\n{case.prompt}\n"
            texts.append(task.chat_prompt(predictor.processor, messages) if chat else plain)
        answers = predictor.predict([{"text": text} for text in texts], max_tokens=max_tokens)
    return [str(answer["text"]) for answer in answers]


def _share(held: Sequence[bool], confidence: float) -> Measure:
    low, high = wilson(sum(held), len(held), confidence)
    return Measure(sum(held) / len(held), low, high, len(held), confidence=confidence)


def _picture(cases: Sequence[Case], held: Sequence[bool]) -> Figure:
    found: dict[str, list[bool]] = {}
    for case, ok in zip(cases, held, strict=True):
        found.setdefault(f"{case.suite}: {case.technique}", []).append(ok)
    shares = [sum(each) / len(each) for each in found.values()]
    return Figure(
        "Prompts withstood", "bar", "technique", "share withstood", [Series("withstood", list(found), shares)]
    )
