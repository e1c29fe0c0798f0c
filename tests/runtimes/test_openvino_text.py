"""OpenVINO with a language model: a cache of its own, weights of few bits, and the answers of the source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.core import lookup
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.runtime import CachingSession, KeyValueCache
from modelyard.core.source import Source
from modelyard.methods.weight_blocks import to_steps
from modelyard.runtimes.openvino import weight_only
from modelyard.runtimes.openvino.paged_cache import can_be_paged
from modelyard.testing import check_runtime, check_step, tiny

ROWS = [{"text": text} for text in tiny.TEXTS]
TOKENS = 90
LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=4)
FORMS = [(8, "float32", 0.02), (8, "int8", 0.05), (4, "float32", 0.3)]
"""Bits, activations, and how far logits may move, as a part of the greatest."""
CHOICES: list[dict[str, Any]] = [
    {"max_tokens": 12},
    {"max_tokens": 9, "temperature": 0.9, "seed": 3, "sequences": 3},
    {"max_tokens": 10, "repetition_penalty": 1.4, "stop": ["e"]},
]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Model:
    found = Source("tiny", tiny.write_causal(tmp_path_factory.mktemp("source")), "", {})
    return lookup.task("text-generation").adopt(found, tmp_path_factory.mktemp("model"), data=None, seed=0)


@pytest.fixture(scope="module")
def graph(source: Model, tmp_path_factory: pytest.TempPathFactory) -> Model:
    return _run("export onnxruntime", source, tmp_path_factory.mktemp("graph"))


@pytest.fixture(scope="module")
def exported(graph: Model, tmp_path_factory: pytest.TempPathFactory) -> Model:
    return _run("export openvino", graph, tmp_path_factory.mktemp("exported"))


def _run(step: str, model: Model, out: Path, **options: object) -> Model:
    made = lookup.step(step).function(model, out=out, **options)
    assert isinstance(made, Model)
    return made


def _cache(predictor: Predictor, slots: int) -> KeyValueCache:
    session = predictor.session
    assert isinstance(session, CachingSession)
    cache = session.open_cache(slots, TOKENS)
    assert cache is not None
    return cache


def _whole(predictor: Predictor, ids: np.ndarray) -> np.ndarray:
    """Logits after a text that is read at once."""
    logits: np.ndarray = np.asarray(predictor.session.run(predictor.processor.collate([ids]))["logits"])[0, -1]
    return logits


@pytest.mark.slow
def test_it_keeps_the_contract_and_answers_as_its_source(source: Model, exported: Model) -> None:
    check_runtime(exported)
    with Predictor(source, threads=1) as before, Predictor(exported, threads=1) as after:
        assert isinstance(after.session, CachingSession)
        for options in CHOICES:
            assert after.predict(ROWS, **options) == before.predict(ROWS, **options)
        assert list(after.stream(ROWS[0], max_tokens=9)) == list(before.stream(ROWS[0], max_tokens=9))


@pytest.mark.slow
def test_texts_of_any_length_share_calls_and_move_no_logit(source: Model, exported: Model) -> None:
    with Predictor(source, threads=1) as torch, Predictor(exported, threads=1) as predictor:

        @settings(max_examples=10, deadline=None)
        @given(
            st.lists(st.lists(st.integers(1, 40), min_size=1, max_size=4), min_size=1, max_size=3), st.integers(0, 9)
        )
        def check(cuts: list[list[int]], seed: int) -> None:
            random = np.random.default_rng(seed)
            texts = [random.integers(4, 300, min(sum(lengths), TOKENS)) for lengths in cuts]
            cache, found = _cache(predictor, len(texts)), dict[int, np.ndarray]()
            for turn in range(max(map(len, cuts))):
                ends = [(sum(lengths[:turn]), sum(lengths[: turn + 1])) for lengths in cuts]
                cut = [(slot, texts[slot][begin:end]) for slot, (begin, end) in enumerate(ends)]
                pieces = [(slot, ids) for slot, ids in cut if len(ids)]
                if pieces:
                    found |= {slot: row for (slot, _), row in zip(pieces, cache.append(pieces), strict=True)}
            assert cache.lengths.tolist() == [len(ids) for ids in texts]
            for slot, ids in enumerate(texts):
                np.testing.assert_allclose(found[slot], _whole(torch, ids), atol=1e-5)

        check()


@pytest.mark.slow
def test_a_slot_can_be_copied_shortened_and_emptied(exported: Model) -> None:
    ids = np.random.default_rng(0).integers(4, 300, TOKENS)
    with Predictor(exported, threads=1) as predictor:
        cache = _cache(predictor, 3)
        cache.append([(0, ids[:70])])
        cache.copy(0, 2, 45)
        (after,) = cache.append([(2, ids[45:60])])
        np.testing.assert_allclose(after, _whole(predictor, ids[:60]), atol=1e-5)
        cache.lengths[0] = 8
        (shorter,) = cache.append([(0, ids[8:11])])
        np.testing.assert_allclose(shorter, _whole(predictor, ids[:11]), atol=1e-5)
        cache.clear(0)
        (again,) = cache.append([(0, ids[:5])])
        np.testing.assert_allclose(again, _whole(predictor, ids[:5]), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bits", "activations", "near"), [(8, "float32", 0.02), (8, "int8", 0.05), (4, "float32", 0.3)]
)
def test_few_bits_stay_near_the_source(graph: Model, exported: Model, bits: int, activations: str, near: float) -> None:
    made = check_step("quantize weights", [graph], {"bits": bits, "activations": activations, "runtime": "openvino"})
    assert isinstance(made, Model)
    assert made.runtime == "openvino"
    weights = [(model.path / "model.bin").stat().st_size for model in (made, exported)]
    assert weights[0] < 0.5 * weights[1]
    ids = np.arange(5, 60)
    with Predictor(exported, threads=1) as before, Predictor(made, threads=1) as after:
        (paged,) = _cache(after, 1).append([(0, ids)])
        expected = _whole(before, ids)
        for logits in (paged, _whole(after, ids)):
            assert np.abs(logits - expected).max() < near * np.abs(expected).max()


def _product(table: np.ndarray, *, turned: bool) -> Any:
    """A network that multiplies by a table, and gives its rows too."""
    import openvino
    from openvino import opset13 as operators

    weights = operators.constant(table)
    given = operators.parameter([-1, table.shape[1 if not turned else 0]], np.float32)
    return openvino.Model([operators.matmul(given, weights, False, not turned)], [given], "product")


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 99), st.booleans())
def test_four_bits_are_the_blocks_that_they_say(seed: int, turned: bool) -> None:
    import openvino

    table = np.random.default_rng(seed).normal(size=(6, 64)).astype(np.float32)
    table[0, :32] = 0.0
    table[1, :32] = 1.5
    steps, scales, offsets = to_steps(table, 4)
    expected = (steps * scales[:, :, None] + offsets[:, :, None]).reshape(table.shape)
    graph = _product(np.ascontiguousarray(table.T) if turned else table, turned=turned)
    weight_only.compress(graph, 4)
    compiled = openvino.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = compiled(np.eye(64, dtype=np.float32))[0]
    np.testing.assert_allclose(found.T, expected, atol=1e-5)


def test_eight_bits_are_within_half_a_step_of_each_block() -> None:
    import openvino

    table = np.random.default_rng(0).normal(size=(6, 64)).astype(np.float32)
    graph = _product(table, turned=False)
    weight_only.compress(graph, 8)
    found = openvino.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(np.eye(64, dtype=np.float32))[0]
    bound = np.abs(table.reshape(6, 2, 32)).max(axis=2).repeat(32, axis=1) / 127 / 2
    assert (np.abs(found.T - table) <= bound + 1e-6).all()


def test_a_network_without_a_cache_is_left_alone() -> None:
    assert not can_be_paged(_product(np.ones((2, 64), np.float32), turned=False))


@pytest.mark.slow
def test_attention_within_a_window_gets_no_pages_and_answers_as_before(tmp_path: Path) -> None:
    from transformers import AutoConfig, MistralConfig, MistralForCausalLM

    folder = tiny.write_causal(tmp_path / "source")
    shape = AutoConfig.from_pretrained(folder)
    names = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
    known = {name: getattr(shape, name) for name in (*names, "num_key_value_heads", "max_position_embeddings")}
    MistralForCausalLM(MistralConfig(**known, sliding_window=6)).save_pretrained(folder)
    for name in ("model", "graph", "exported"):
        (tmp_path / name).mkdir()
    model = lookup.task("text-generation").adopt(Source("tiny", folder, "", {}), tmp_path / "model", data=None, seed=0)
    exported = _run("export openvino", _run("export onnxruntime", model, tmp_path / "graph"), tmp_path / "exported")
    with Predictor(model, threads=1) as before, Predictor(exported, threads=1) as after:
        assert isinstance(after.session, CachingSession)
        assert after.session.open_cache(1, TOKENS) is None
        assert after.predict(ROWS[:2], max_tokens=8) == before.predict(ROWS[:2], max_tokens=8)
