"""Sample answers to some prompts, to be read by a person. Scores nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.predictor import Predictor
from modelyard.core.progress import progress
from modelyard.core.report import Findings, Report, Table
from modelyard.core.step import step
from modelyard.core.task import GeneratingTask


@step(needs="generation")
def generate(
    model: Model,
    *,
    out: Path,
    prompts: list[str],
    sequences: Annotated[int, Between(1, 64)] = 3,
    chat: bool = False,
    max_tokens: Annotated[int, Between(1)] = 64,
    temperature: Annotated[float, Between(0, 100)] = 0.8,
    top_k: Annotated[int, Between(0)] = 0,
    top_p: Annotated[float, Between(0, 1)] = 0.95,
    repetition_penalty: Annotated[float, Between(0.01, 100)] = 1.0,
    stop: list[str] | None = None,
    seed: Annotated[int, Between(0)] = 0,
) -> Report:
    """Generate answers to some prompts.

    The report shows every answer in a table, so that a reader sees what the model says before it is released.

    Args:
        model: the model to ask.
        prompts: texts to continue, or questions where ``chat`` is on.
        sequences: answers to each prompt.
        chat: ask through the model's own chat template.
        max_tokens: most tokens of an answer.
        temperature: 0 takes the most likely token always; below 1 sharpens, above 1 flattens.
        top_k: keep the most likely tokens only; 0 keeps all.
        top_p: keep the fewest tokens that have this probability together.
        repetition_penalty: above 1 makes tokens that occurred before less likely.
        stop: strings that end an answer.
        seed: the same seed gives the same answers.
    """
    if not prompts:
        raise InputError("generate: no prompts", expected="at least one text", fix="prompts: ['Once upon a time']")
    options = {
        "sequences": sequences,
        "max_tokens": max_tokens,
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "repetition_penalty": repetition_penalty,
        "stop": stop or [],
        "seed": seed,
    }
    rows: list[list[str | float | int | None]] = []
    with Predictor(model) as predictor, progress("generating", total=len(prompts)) as bar:
        task = cast(GeneratingTask, predictor.task)
        for prompt in prompts:
            messages = [{"role": "user", "content": prompt}]
            text = task.chat_prompt(predictor.processor, messages) if chat else prompt
            (answer,) = predictor.predict([{"text": text}], **options)
            for number, one in enumerate(answer["sequences"], start=1):
                rows.append([prompt, number, one["text"], one["completion_tokens"], one["finish_reason"]])
            bar.advance()
    table = Table("Samples", ["prompt", "number", "answer", "tokens", "ended by"], rows)
    note = f"Sampled at temperature {temperature:g}, top-p {top_p:g}, seed {seed}."
    return Report.write(out, Findings({}, [table], notes=[note]), parents=[model])
