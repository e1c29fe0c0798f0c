"""What can be taken out of a network is read off the configurations that transformers itself writes."""

from __future__ import annotations

from pathlib import Path

import pytest
import transformers

from modelyard.formats.network_parts import ANY, CHANNELS, LAYERS, find


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("BertConfig", LAYERS),
        ("DistilBertConfig", LAYERS),
        ("GPT2Config", LAYERS),
        ("LlamaConfig", LAYERS),
        ("ViTConfig", LAYERS),
        ("CLIPConfig", LAYERS),
        ("ResNetConfig", CHANNELS),
        ("EfficientNetConfig", CHANNELS),
        ("ConvNextConfig", CHANNELS),
        ("MobileNetV2Config", CHANNELS),
    ],
)
def test_transformers_have_layers_and_convolutional_networks_channels(
    tmp_path: Path, name: str, expected: frozenset[str]
) -> None:
    getattr(transformers, name)().save_pretrained(tmp_path)
    assert find(tmp_path) == expected


@pytest.mark.parametrize("text", ["", "[]", "{", '"bert"', "[" * 100_000])
def test_files_that_do_not_say_it_may_hold_either(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    assert find(tmp_path) == ANY
    assert find(tmp_path / "nothing") == ANY
