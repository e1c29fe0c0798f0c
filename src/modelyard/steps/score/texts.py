"""``score texts``: generated answers against reference answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import numpy as np

from modelyard.core.dataset import ROW_ID, Dataset
from modelyard.core.errors import InputError, suggestion
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.predictor import Predictor
from modelyard.core.progress import progress
from modelyard.core.report import Report
from modelyard.core.step import step
from modelyard.core.task import GeneratingTask
from modelyard.methods import answer_scores

TOGETHER = 16
"""Prompts that are answered in one call."""


@step(needs="generation", measures=answer_scores.MEASURES)
def texts(
    model: Model,
    data: Dataset,
    *,
    out: Path,
    split: str = "test",
    reference: str = "reference",
    most_rows: Annotated[int, Between(1)] | None = None,
    chat: bool = False,
    max_tokens: Annotated[int, Between(1)] = 64,
    stop: list[str] | None = None,
    confidence: Annotated[float, Between(0.5, 0.999)] = 0.95,
    seed: int = 0,
) -> Report:
    """Let a model answer the texts of a split, and score the answers against references.

    ``exact_match``, BLEU and chrF (from 0 to 100, as sacrebleu counts them), ROUGE-1, 2 and L (F1, as rouge-score
    counts them), each with an interval. The model takes the likeliest token always, so that the score can be had
    again.

    Args:
        model: the language model.
        data: rows with a text, the prompt, and a reference answer under a role of its own: columns: {text: question,
            reference: answer}.
        split: name of the split to score on.
        reference: role of the reference answers.
        most_rows: score this many rows at most, the first ones of the split.
        chat: ask through the model's own chat template.
        max_tokens: most tokens of an answer.
        stop: strings that end an answer, such as a line end.
        confidence: of the intervals.
        seed: of the bootstrap that the intervals come from.
    """
    if reference not in data.roles:
        raise InputError(
            f"the data have no role {reference!r}",
            expected="reference answers",
            fix=f"columns: {{text: QUESTION, {reference}: ANSWER}}, or {suggestion(reference, data.roles)}",
        )
    references = [str(value or "") for value in data.column(split, reference)][:most_rows]
    if not references:
        raise InputError(f"the split {split!r} has no rows", expected="rows to score", fix="choose another split")
    prompts: list[str] = []
    answers: list[str] = []
    with Predictor(model) as predictor, progress("answering", total=len(references)) as bar:
        task = cast(GeneratingTask, predictor.task)
        rows = predictor.rows(data, split)[: len(references)]
        for start in range(0, len(rows), TOGETHER):
            asked = [str(row["text"]) for row in rows[start : start + TOGETHER]]
            if chat:
                asked = [task.chat_prompt(predictor.processor, [{"role": "user", "content": text}]) for text in asked]
            options = {"temperature": 0.0, "max_tokens": max_tokens, "stop": stop or []}
            given = predictor.answer([{"text": text} for text in asked], options)
            prompts += asked
            answers += [answer["text"] for answer in given]
            bar.advance(len(asked))
    numbers = np.asarray(data.column(split, ROW_ID), dtype=np.int64)[: len(answers)]
    findings = answer_scores.judge(numbers, prompts, answers, references, confidence=confidence, seed=seed)
    return Report.write(out, findings, parents=[model, data])
