"""``score choices``: multiple-choice questions by the likelihood of each choice."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.predictor import Predictor
from modelyard.core.report import Report
from modelyard.core.source import Source
from modelyard.core.step import step
from modelyard.core.task import GeneratingTask
from modelyard.formats import choice_tasks
from modelyard.methods import choice_scores
from modelyard.methods.choice_scores import Judged


@step(needs="generation", measures=choice_scores.MEASURES)
def choices(
    model: Model,
    tasks: Source,
    *,
    out: Path,
    most_questions: Annotated[int, Between(1)] | None = None,
    confidence: Annotated[float, Between(0.5, 0.999)] = 0.95,
) -> Report:
    """Ask a language model multiple-choice questions, and see which choice it holds likeliest.

    Tasks are those of lm-evaluation-harness of the type ``multiple_choice``: YAML files with doc_to_text, doc_to_choice
    and doc_to_target, and data files (JSON, CSV, Parquet) beside them. Templates run in a sandbox; code, includes and
    data from a hub are refused. ``acc`` takes the likeliest choice, ``acc_norm`` that of the largest likelihood a
    character. Examples in the prompt (num_fewshot) are the first rows of their split.

    Args:
        model: the language model.
        tasks: a folder with one task or several.
        most_questions: ask this many questions of each task at most, the first ones.
        confidence: of the intervals.
    """
    asked = {name: questions[:most_questions] for name, questions in choice_tasks.read(tasks).items()}
    pairs = [
        (question.prompt, continuation)
        for questions in asked.values()
        for question in questions
        for continuation in question.continuations
    ]
    with Predictor(model) as predictor:
        task = cast(GeneratingTask, predictor.task)
        found = iter(task.likelihoods(predictor.session, predictor.processor, pairs))
    judged = {
        name: [
            Judged(
                [next(found) for _ in question.choices], [len(choice) for choice in question.choices], question.target
            )
            for question in questions
        ]
        for name, questions in asked.items()
    }
    return Report.write(out, choice_scores.judge(judged, confidence=confidence), parents=[model])
