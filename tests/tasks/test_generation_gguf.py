"""A GGUF file is adopted with the weights, the tokenizer and the chat template that it holds."""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import numpy as np
import pytest
from safetensors.numpy import load_file

from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.source import Source
from modelyard.tasks.text_generation.task import TextGeneration
from modelyard.testing import tiny

TASK = TextGeneration()
NAMES = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def _write_gguf(folder: Path, path: Path) -> None:
    """The tiny Llama as llama.cpp would write it: rows of query and key reordered for its rotary positions."""
    config = json.loads((folder / "config.json").read_text())
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads["q_proj"])
    writer.add_head_count_kv(heads["k_proj"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_vocab_size(config["vocab_size"])
    tokens = sorted(tokenizer["model"]["vocab"], key=tokenizer["model"]["vocab"].__getitem__)
    specials = {token["content"] for token in tokenizer["added_tokens"]}
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL if token in specials else gguf.TokenType.NORMAL for token in tokens])
    writer.add_token_merges([" ".join(merge) for merge in tokenizer["model"]["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(2)
    writer.add_chat_template((folder / "chat_template.jinja").read_text())
    for name, weight in load_file(folder / "model.safetensors").items():
        parts = name.removesuffix(".weight").split(".")
        if parts[0] == "lm_head":
            target = "output"
        elif parts[1] == "layers":
            target = f"blk.{parts[2]}.{NAMES['.'.join(parts[3:])]}"
        else:
            target = {"embed_tokens": "token_embd", "norm": "output_norm"}[parts[1]]
        if parts[-1] in heads:
            count = heads[parts[-1]]
            weight = weight.reshape(count, 2, len(weight) // count // 2, -1).swapaxes(1, 2).reshape(weight.shape)
        writer.add_tensor(f"{target}.weight", np.ascontiguousarray(weight))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _adopt(path: Path, out: Path) -> Model:
    out.mkdir()
    return TASK.adopt(Source("tiny", path, "", {}), out, data=None, seed=0)


def test_it_answers_as_the_folder_that_it_came_from(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    folder = tiny.write_causal(tmp_path / "source")
    _write_gguf(folder, tmp_path / "tiny.gguf")
    rows = [{"text": text} for text in tiny.TEXTS]
    messages = [{"role": "user", "content": "hello"}]
    answers = []
    for name, path in (("one", folder), ("two", tmp_path / "tiny.gguf")):
        model = _adopt(path, tmp_path / name)
        assert model.settings["context"] == 128
        assert "tokenizer.json" in model.files
        with Predictor(model, threads=1) as predictor:
            prompt = TASK.chat_prompt(predictor.processor, messages)
            answers.append(predictor.predict([*rows, {"text": prompt}], max_tokens=16))
    assert answers[0] == answers[1]


def test_a_file_of_another_kind_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "bad.gguf").write_bytes(b"GGUF" + b"\xff" * 60)
    with pytest.raises(InputError):
        _adopt(tmp_path / "bad.gguf", tmp_path / "out")
