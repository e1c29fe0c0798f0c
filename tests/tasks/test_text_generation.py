"""Text generation on a tiny Llama: the same tokens as transformers, options, streaming, chat, scores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.source import Source
from modelyard.tasks.text_generation import continuous, decoding, writing
from modelyard.tasks.text_generation.options import read
from modelyard.tasks.text_generation.task import TextGeneration
from modelyard.testing import tiny

TASK = TextGeneration()
ROWS = [{"text": text} for text in tiny.TEXTS]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return Source("tiny", tiny.write_causal(tmp_path_factory.mktemp("source")), "", {})


@pytest.fixture(scope="module")
def model(source: Source, tmp_path_factory: pytest.TempPathFactory) -> Model:
    return TASK.adopt(source, tmp_path_factory.mktemp("model"), data=None, seed=0)


@pytest.fixture(scope="module")
def predictor(model: Model) -> Iterator[Predictor]:
    with Predictor(model, threads=1) as predictor:
        yield predictor


@pytest.fixture(scope="module")
def reference(source: Source) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(source.path).eval()


def _ids(predictor: Predictor, texts: list[str], **options: Any) -> list[list[int]]:
    chosen = read(options)
    answers = decoding.start(predictor.processor, [predictor.processor.prompt(text) for text in texts], chosen)
    for _ in writing.write(predictor.session, predictor.processor, answers, chosen):
        pass
    return [answer.ids for answer in answers]


def test_greedy_tokens_are_those_of_transformers(predictor: Predictor, reference: Any) -> None:
    import torch

    # All prompts in one batch here, one by one there: padding must change nothing.
    found = _ids(predictor, list(tiny.TEXTS), max_tokens=24)
    for text, ids in zip(tiny.TEXTS, found, strict=True):
        prompt = torch.from_numpy(predictor.processor.prompt(text))[None]
        expected = reference.generate(prompt, max_new_tokens=24, do_sample=False, pad_token_id=0)[0, prompt.shape[1] :]
        assert ids == [token for token in expected.tolist() if token != 2]


def test_repetition_penalty_is_that_of_transformers(predictor: Predictor, reference: Any) -> None:
    import torch

    prompt = torch.from_numpy(predictor.processor.prompt(tiny.TEXTS[0]))[None]
    expected = reference.generate(prompt, max_new_tokens=20, do_sample=False, repetition_penalty=1.3, pad_token_id=0)
    (ids,) = _ids(predictor, [tiny.TEXTS[0]], max_tokens=20, repetition_penalty=1.3)
    assert ids == [token for token in expected[0, prompt.shape[1] :].tolist() if token != 2]


def test_long_prompts_go_through_in_chunks(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = _ids(predictor, list(tiny.TEXTS), max_tokens=10)
    monkeypatch.setattr(continuous, "CHUNK", 7)
    assert _ids(predictor, list(tiny.TEXTS), max_tokens=10) == whole


def test_sampled_tokens_follow_the_softmax(predictor: Predictor, reference: Any) -> None:
    import torch

    prompt = predictor.processor.prompt(tiny.TEXTS[0])
    with torch.inference_mode():
        logits = reference(torch.from_numpy(prompt)[None]).logits[0, -1].double()
    expected = torch.softmax(logits / 0.7, dim=-1).numpy()
    drawn = [
        ids[0] if ids else 2
        for seed in range(30)
        for ids in _ids(predictor, [tiny.TEXTS[0]], max_tokens=1, temperature=0.7, sequences=64, seed=seed)
    ]
    counts = np.bincount(drawn, minlength=len(expected))
    n, cells = len(drawn), len(expected) // 8
    # Eight neighbours a cell, so that every cell expects enough.
    counts, expected = counts.reshape(cells, -1).sum(axis=1), n * expected.reshape(cells, -1).sum(axis=1)
    statistic = ((counts - expected) ** 2 / expected).sum()
    assert statistic < cells - 1 + 4 * np.sqrt(2 * (cells - 1))


def test_the_same_seed_gives_the_same_answers_in_any_company(predictor: Predictor) -> None:
    options = {"temperature": 1.0, "max_tokens": 12, "sequences": 2, "seed": 5}
    together = predictor.predict(ROWS[:3], **options)
    alone = predictor.predict(ROWS[1:2], **options)
    assert together[1] == alone[0]
    first, second = alone[0]["sequences"]
    assert first["text"] != second["text"]
    assert predictor.predict(ROWS[1:2], **{**options, "seed": 6}) != alone


def test_streamed_pieces_make_the_predicted_text(predictor: Predictor) -> None:
    for row in ROWS:
        (whole,) = predictor.predict([row], max_tokens=30)
        pieces = list(predictor.stream(row, max_tokens=30))
        assert "".join(piece.text for piece in pieces) == whole["text"]
        assert [piece.finish_reason for piece in pieces[:-1]] == [None] * (len(pieces) - 1)
        last = pieces[-1]
        assert (last.finish_reason, last.prompt_tokens, last.completion_tokens) == (
            whole["finish_reason"],
            whole["prompt_tokens"],
            whole["completion_tokens"],
        )


def test_a_stop_string_ends_the_answer_and_is_not_in_it(predictor: Predictor) -> None:
    (free,) = predictor.predict(ROWS[:1], max_tokens=30)
    stop = free["text"][5:8]
    (cut,) = predictor.predict(ROWS[:1], max_tokens=30, stop=stop)
    assert cut["finish_reason"] == "stop"
    assert cut["text"] == free["text"][: free["text"].index(stop)]
    assert "".join(piece.text for piece in predictor.stream(ROWS[0], max_tokens=30, stop=[stop])) == cut["text"]


def test_closing_a_stream_stops_the_work(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0
    run = type(predictor.session).run

    def counted(self: Any, arrays: Any) -> Any:
        nonlocal calls
        calls += 1
        return run(self, arrays)

    monkeypatch.setattr(type(predictor.session), "run", counted)
    stream = predictor.stream(ROWS[0], max_tokens=60)
    next(stream)
    before = calls
    stream.close()  # type: ignore[attr-defined]
    assert calls == before < 60


def test_characters_of_several_tokens_come_whole(predictor: Predictor) -> None:
    processor = predictor.processor
    (answer,) = decoding.start(processor, [processor.prompt("a")], read({"max_tokens": 99}))
    ids = processor.tokenizer.encode("ü😀 漢字").ids
    shown = [answer.accept(token, processor) for token in ids]
    assert "".join(shown) == answer.text == "ü😀 漢字"
    assert len(ids) > len([text for text in shown if text])
    assert "�" not in answer.text


@pytest.mark.parametrize(
    "options",
    [
        {"max_tokens": 10**12},
        {"max_tokens": 1e12},
        {"max_tokens": -1},
        {"max_tokens": 0},
        {"max_tokens": 1.5},
        {"max_tokens": "many"},
        {"max_tokens": True},
        {"max_tokens": 128},
        {"sequences": 10**12},
        {"sequences": 0},
        {"temperature": -0.1},
        {"temperature": float("nan")},
        {"top_k": -1},
        {"top_p": 1.01},
        {"min_p": -1},
        {"repetition_penalty": 0},
        {"seed": -1},
        {"stop": [""]},
        {"stop": ["x"] * 17},
        {"stop": 3},
        {"max_token": 3},
    ],
)
def test_options_out_of_range_are_refused_before_anything_runs(predictor: Predictor, options: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        predictor.predict(ROWS[:1], **options)
    with pytest.raises(InputError):
        predictor.stream(ROWS[0], **options)


@pytest.mark.parametrize("text", ["", "a" * 129, "a" * 10_000_000])
def test_prompts_that_do_not_fit(predictor: Predictor, text: str) -> None:
    with pytest.raises(InputError, match="prompt"):
        predictor.predict([{"text": text}])


def test_without_max_tokens_the_context_is_filled(predictor: Predictor) -> None:
    (answer,) = predictor.predict(ROWS[:1])
    assert answer["finish_reason"] == "stop" or answer["prompt_tokens"] + answer["completion_tokens"] == 128


def test_chat_is_the_template_of_transformers(source: Source, predictor: Predictor) -> None:
    from transformers import AutoTokenizer

    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}]
    expected = AutoTokenizer.from_pretrained(source.path).apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True
    )
    assert TASK.chat_prompt(predictor.processor, messages) == expected


def test_a_model_without_a_template_says_so(model: Model, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(model.path, tmp_path / "plain")
    (tmp_path / "plain" / "chat_template.jinja").unlink()
    processor = TASK.processor(model.at(tmp_path / "plain"))
    with pytest.raises(InputError, match="no chat template"):
        TASK.chat_prompt(processor, [{"role": "user", "content": "Hi"}])


def test_perplexity_is_that_of_the_loss(predictor: Predictor, reference: Any, tmp_path: Path) -> None:
    import torch

    texts = list(tiny.TEXTS) * 2
    table = pa.table({"row": list(range(len(texts))), "text": texts})
    data = Dataset.write(tmp_path, {"test": table}, parents=[])
    findings = TASK.evaluate(predictor, data, "test", confidence=0.95, seed=0)
    total, count = 0.0, 0
    for text in texts:
        ids = torch.from_numpy(predictor.processor.prompt(text))[None]
        with torch.inference_mode():
            total += float(reference(ids, labels=ids).loss) * (ids.shape[1] - 1)
        count += ids.shape[1] - 1
    assert findings.measures["perplexity"].value == pytest.approx(np.exp(total / count), rel=1e-4)
    assert findings.measures["perplexity"].n == count
    size = sum(len(text.encode()) for text in texts)
    firsts = sum(len(predictor.processor.tokenizer.decode([predictor.processor.prompt(text)[0]])) for text in texts)
    bits = findings.measures["bits_per_byte"].value
    assert bits == pytest.approx(total / np.log(2) / (size - firsts), rel=1e-4)
    same = TASK.compare(findings, findings, confidence=0.95, seed=0)
    assert same.measures["agreement"].value == 1.0


def test_loss_is_that_of_transformers_and_weights_weigh(model: Model, predictor: Predictor, reference: Any) -> None:
    import torch

    network = TASK.network(model)
    encoded = TASK.encode(predictor.processor, ROWS[:2])
    losses, counts = [], []
    for row in encoded:
        ids = torch.from_numpy(row["input_ids"])[None]
        losses.append(reference(ids, labels=ids).loss.item())
        counts.append(ids.shape[1] - 1)
    batch = {name: torch.from_numpy(array) for name, array in TASK.collate(predictor.processor, encoded).items()}
    expected = np.average(losses, weights=counts)
    assert TASK.loss(network, batch, None).item() == pytest.approx(expected, rel=1e-5)
    only_first = TASK.loss(network, batch, torch.tensor([1.0, 0.0])).item()
    assert only_first == pytest.approx(losses[0] * counts[0] / sum(counts), rel=1e-5)


@pytest.mark.parametrize("harm", ["auto_map", "no weights", "pickle"])
def test_unsafe_folders_are_refused(source: Source, tmp_path: Path, harm: str) -> None:
    import json
    import shutil

    folder = tmp_path / "source"
    shutil.copytree(source.path, folder)
    if harm == "auto_map":
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoConfig": "evil.Config"}}))
    else:
        (folder / "model.safetensors").unlink()
    if harm == "pickle":
        (folder / "pytorch_model.bin").write_bytes(b"\x80\x04cos\nsystem\n(S'false'\ntR.")
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError):
        TASK.adopt(Source("bad", folder, "", {}), tmp_path / "out", data=None, seed=0)


def test_serving_needs_neither_torch_nor_transformers(model: Model) -> None:
    import subprocess
    import sys

    program = (
        "import sys; from pathlib import Path; from modelyard.core import lookup\n"
        "from modelyard.core.artifact import open_artifact\n"
        f"model = open_artifact(Path({str(model.path)!r}))\n"
        "task = lookup.task('text-generation'); prepared = task.processor(model)\n"
        "task.encode(prepared, [{'text': 'hello'}]); task.chat_prompt(prepared, [{'role': 'user', 'content': 'x'}])\n"
        "sys.exit(bool({'torch', 'transformers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
