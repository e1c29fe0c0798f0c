"""The task itself: answers, streams, scores, loss and network of a language model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.report import Findings
from modelyard.core.runtime import Arrays, Session
from modelyard.core.source import Source
from modelyard.core.task import NO_HINTS, Encoded, Hints, Piece, Prediction, Workload, Writer
from modelyard.core.transform import Row
from modelyard.methods import length_batches
from modelyard.tasks.text_generation import adoption, decoding, processor, workloads, writing
from modelyard.tasks.text_generation.options import read
from modelyard.tasks.text_generation.processor import Processor

if TYPE_CHECKING:
    from modelyard.core.predictor import Predictor

BATCH_TOKENS = 4096
"""Prompt tokens that are decoded together; reading the weights once then serves many answers."""


class TextGeneration:
    """Text that continues a prompt. Rows: ``text``, the prompt; in training and scoring, the document."""

    name = "text-generation"
    inputs = ("text",)
    target = None
    abilities = frozenset({"generation", "training", "text"})
    measures = ("perplexity", "bits_per_byte", "token_accuracy")

    def adopt(self, source: Source, out: Path, *, data: Dataset | None, seed: int, hints: Hints = NO_HINTS) -> Model:
        return adoption.adopt(source, out, task=self.name)

    def processor(self, model: Model) -> Processor:
        return processor.load(model)

    def encode(self, processor: Processor, rows: Sequence[Row]) -> list[Encoded]:
        """``input_ids`` of the first ``max_length`` tokens of each text."""
        return [{"input_ids": processor.document(str(row["text"]))[0]} for row in rows]

    def collate(self, processor: Processor, encoded: Sequence[Encoded]) -> Arrays:
        return processor.collate([row["input_ids"] for row in encoded])

    def predict(
        self, session: Session, processor: Processor, rows: Sequence[Row], options: Mapping[str, Any]
    ) -> list[Prediction]:
        """``{"text", "finish_reason", "prompt_tokens", "completion_tokens", "sequences": [...]}`` for each row.

        ``text`` and ``finish_reason`` are those of the first of the ``sequences``; ``completion_tokens`` counts
        the tokens of all of them.
        """
        chosen = read(options)
        prompts = [processor.prompt(str(row["text"])) for row in rows]
        answers = decoding.start(processor, prompts, chosen)
        for batch in length_batches.by_budget([len(ids) * chosen.sequences for ids in prompts], BATCH_TOKENS):
            together = [answer for row in batch for answer in _of_row(answers, row, chosen.sequences)]
            for _ in writing.write(session, processor, together, chosen):
                pass
        return [_prediction(_of_row(answers, row, chosen.sequences)) for row in range(len(rows))]

    def stream(self, session: Session, processor: Processor, row: Row, options: Mapping[str, Any]) -> Iterator[Piece]:
        chosen = read(options)
        if chosen.sequences != 1:
            raise InputError(f"options: sequences: {chosen.sequences} in a stream", expected="1")
        answers = decoding.start(processor, [processor.prompt(str(row["text"]))], chosen)
        return _telling(writing.write(session, processor, answers, chosen))

    def writer(self, session: Session, processor: Processor, *, slots: int, tokens: int) -> Writer:
        return writing.open_writer(session, processor, slots=slots, tokens=tokens)

    def room_for(self, processor: Processor, row: Row, options: Mapping[str, Any]) -> int:
        return writing.room_for(processor, row, options)

    def token_bytes(self, model: Model) -> int:
        """Keys and values of every layer, in float32 unless the model's runtime says how many bytes a number takes."""
        shapes: list[list[int]] = model.settings["cache"]
        return sum(heads * (key + value) for heads, key, value in shapes) * int(model.settings.get("cache_bytes", 4))

    def chat_prompt(self, processor: Processor, messages: Sequence[Mapping[str, str]]) -> str:
        return processor.chat(messages)

    def likelihoods(self, session: Session, processor: Processor, pairs: Sequence[tuple[str, str]]) -> list[float]:
        from modelyard.tasks.text_generation import scoring

        return scoring.likelihoods(session, processor, pairs)

    def evaluate(self, predictor: Predictor, data: Dataset, split: str, *, confidence: float, seed: int) -> Findings:
        # Here and not above: a server answers and never scores.
        from modelyard.tasks.text_generation import scoring

        return scoring.evaluate(predictor, data, split, confidence=confidence, seed=seed)

    def compare(self, ours: Findings, reference: Findings, *, confidence: float, seed: int) -> Findings:
        from modelyard.methods import language_scores

        return language_scores.compare(ours, reference, confidence=confidence, seed=seed)

    def workloads(self, predictor: Predictor, batch_size: int, length: int) -> Iterable[Workload]:
        """``prefill``: prompts of ``length`` tokens; ``decode``: some tokens after them, one call each."""
        return workloads.of_generation(predictor.session, predictor.processor, batch_size, length)

    def export_example(self, model: Model) -> tuple[Arrays, Mapping[str, Mapping[int, str]]]:
        prepared = processor.load(model)
        batch, past, new = 2, 4, 3
        arrays: dict[str, np.ndarray] = {
            "input_ids": np.ones((batch, new), np.int64),
            "attention_mask": np.ones((batch, past + new), np.int64),
            "position_ids": np.arange(past, past + new)[None].repeat(batch, axis=0),
            "logits_at": np.arange(new)[None].repeat(batch, axis=0),
        }
        return arrays | prepared.empty_cache(batch, past), prepared.axes()

    def network(self, model: Model) -> Any:
        """:class:`CachedNetwork` around what ``AutoModelForCausalLM`` loads."""
        from transformers import AutoModelForCausalLM

        from modelyard.networks import pretrained
        from modelyard.tasks.text_generation.network import CachedNetwork

        return CachedNetwork(pretrained.load(AutoModelForCausalLM, model.path)).eval()

    def loss(self, network: Any, batch: Mapping[str, Any], weights: Any) -> Any:
        """Mean cross entropy of every token after the first; ``weights`` of shape (rows,) weigh the texts."""
        from torch.nn import functional

        logits = network(**batch)["logits"][:, :-1].float()
        mask = batch["attention_mask"][:, :-1] * batch["attention_mask"][:, 1:]
        losses = functional.cross_entropy(logits.transpose(1, 2), batch["input_ids"][:, 1:], reduction="none")
        scale = mask if weights is None else mask * weights[:, None]
        return (losses * scale).sum() / mask.sum()


def _of_row(answers: Sequence[decoding.Answer], row: int, sequences: int) -> Sequence[decoding.Answer]:
    return answers[row * sequences : (row + 1) * sequences]


def _prediction(answers: Sequence[decoding.Answer]) -> Prediction:
    sequences = [
        {"text": answer.text, "finish_reason": answer.finish_reason, "completion_tokens": len(answer.ids)}
        for answer in answers
    ]
    return {
        "text": answers[0].text,
        "finish_reason": answers[0].finish_reason,
        "prompt_tokens": len(answers[0].prompt),
        "completion_tokens": sum(len(answer.ids) for answer in answers),
        "sequences": sequences,
    }


def _telling(steps: Iterator[tuple[decoding.Answer, Piece]]) -> Iterator[Piece]:
    for _, piece in steps:
        if piece.text or piece.finish_reason is not None:
            yield piece
