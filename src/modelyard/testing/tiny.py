"""Tiny real models, texts and images, made in a second without a download, for tests of steps and plug-ins.

The models are genuine Hugging Face architectures with random weights: shapes, files and
tokenizers behave as the large ones do; their answers mean nothing.
"""

from __future__ import annotations

import io
import json
import struct
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from modelyard.core.dataset import Dataset

TEXTS = (
    "win a free prize now call this number today",
    "are you coming home for dinner tonight",
    "claim your cash award text yes to enter",
    "see you at the station at nine my friend",
    "urgent your account has won a bonus reply now",
    "thanks for the lovely evening talk soon",
)
LABELS = ("spam", "ham", "spam", "ham", "spam", "ham")


def labelled(*labels: str) -> Dataset:
    """A dataset of which only the classes matter, for adopting a model."""
    import pyarrow as pa

    folder = Path(tempfile.mkdtemp(prefix="modelyard-labelled-"))
    return Dataset.write(folder, {"train": pa.table({"row": pa.array([0], pa.int64())})}, parents=[], labels=labels)


def write_encoder(folder: Path) -> Path:
    """A two-layer BERT (hidden size 32) with a word-piece tokenizer, in Hugging Face layout."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import BertConfig, BertModel

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(TEXTS, trainers.WordPieceTrainer(vocab_size=200, special_tokens=specials))
    wrapped = _framing(tokenizer, 64, mask_token="[MASK]")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    wrapped.save_pretrained(folder)
    return folder


def _framing(tokenizer: Any, length: int, **others: str) -> Any:
    """A BERT's tokenizer in Hugging Face's form: texts between [CLS] and [SEP], together of at most so many tokens."""
    from tokenizers import processors
    from transformers import PreTrainedTokenizerFast

    specials = [(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=specials)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=length,
        **others,
    )


def write_token_classifier(folder: Path, labels: Mapping[str, str]) -> Path:
    """A BERT without layers whose head labels the given words so, and all others ``O``, in Hugging Face layout."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
    from transformers import BertConfig, BertForTokenClassification

    vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *labels])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    wrapped = _framing(tokenizer, 16)
    names = ["O", *sorted(set(labels.values()))]
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=len(names),
        num_hidden_layers=0,
        num_attention_heads=1,
        max_position_embeddings=16,
        id2label=dict(enumerate(names)),
        label2id={name: number for number, name in enumerate(names)},
    )
    network = BertForTokenClassification(config)
    with torch.no_grad():
        for weights in network.bert.embeddings.parameters():
            weights.zero_()
        network.bert.embeddings.LayerNorm.weight.fill_(1.0)
        for word, number in vocabulary.items():
            network.bert.embeddings.word_embeddings.weight[number, names.index(labels.get(word, "O"))] = 1.0
        network.classifier.weight.copy_(torch.eye(len(names)))
        network.classifier.bias.zero_()
    network.save_pretrained(folder)
    wrapped.save_pretrained(folder)
    return folder


def write_chinese_tagger(folder: Path, labels: Mapping[str, str]) -> Path:
    """A tagger in the layout of jieba's ``lac_small`` that labels the given characters so, and all others ``O``.

    Args:
        labels: character → ``PER-B``, ``PER-I``, ``ns-B``, …
    """
    (folder / "model_baseline").mkdir(parents=True)
    tags = ["O", *sorted(set(labels.values()))]
    characters = {"OOV": "O", **labels}
    (folder / "tag.dic").write_text("".join(f"{number}\t{tag}\n" for number, tag in enumerate(tags)), "utf-8")
    (folder / "word.dic").write_text("".join(f"{number}\t{one}\n" for number, one in enumerate(characters)), "utf-8")
    size = len(tags)
    # Update gates that are wide open, and a candidate that is what was read: every character for itself.
    passed = np.hstack([np.zeros((size, 2 * size)), np.eye(size)])
    tensors = {
        "word_emb": np.eye(size)[[tags.index(tag) for tag in characters.values()]],
        "fc_4.w_0": np.vstack([np.eye(size), np.zeros((size, size))]),
        "fc_4.b_0": np.zeros(size),
        "crfw": np.zeros((size + 2, size)),
    }
    for number in range(4):
        tensors[f"fc_{number}.w_0"] = passed if number < 2 else np.vstack([passed, np.zeros((size, 3 * size))])
        tensors[f"fc_{number}.b_0"] = np.zeros(3 * size)
        tensors[f"gru_{number}.w_0"] = np.zeros((size, 3 * size))
        tensors[f"gru_{number}.b_0"] = np.repeat([20.0, 0.0, 0.0], size)[None]
    for name, values in tensors.items():
        write_tensor(folder / "model_baseline" / name, values)
    return folder


def write_tensor(path: Path, values: np.ndarray, kind: int = 5) -> None:
    """A tensor as PaddlePaddle stores it, of lengths below 128.

    Args:
        kind: what it says of its values; 5 is float32, which they are.
    """
    description = bytes([8, kind, *(byte for length in values.shape for byte in (16, length))])
    path.write_bytes(struct.pack("<IQIi", 0, 0, 0, len(description)) + description + values.astype("<f4").tobytes())


def write_causal(folder: Path, *, hidden_size: int = 32, context: int = 128) -> Path:
    """A two-layer Llama with a byte-level BPE tokenizer and a chat template.

    Args:
        hidden_size: 768 gives 10 million weights, for tests of memory.
        context: most tokens of prompt and answer together.
    """
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=specials, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|im_end|>", bos_token="<|endoftext|>", model_max_length=context
    )
    wrapped.chat_template = (
        "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
        "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=hidden_size,
        intermediate_size=2 * hidden_size,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=context,
        bos_token_id=0,
        eos_token_id=2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    wrapped.save_pretrained(folder)
    return folder


def write_vision(folder: Path) -> Path:
    """A ResNet of two stages (width 8) for images of 32 × 32 pixels, with its image processor's file."""
    import torch
    from transformers import ResNetConfig, ResNetModel

    torch.manual_seed(0)
    config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")
    ResNetModel(config).save_pretrained(folder)
    processor = {
        "image_processor_type": "ConvNextImageProcessor",
        "size": {"shortest_edge": 32},
        "crop_pct": 0.875,
        "resample": 3,
        "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(processor), encoding="utf-8")
    return folder


def image(kind: str, seed: int = 0, *, height: int = 24, width: int = 24, format: str = "PNG") -> bytes:
    """A PNG or JPEG file: a bright square on noise for ``bright``, noise alone for any other kind."""
    import numpy as np
    from PIL import Image

    pixels = np.random.default_rng(seed).integers(0, 80, (height, width, 3), dtype=np.uint8)
    if kind == "bright":
        pixels[height // 4 : height // 2, width // 4 : width // 2] = 240
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format)
    return file.getvalue()


def write_images(folder: Path, rows: int = 12) -> Path:
    """PNG files of two classes, each in the folder of its class."""
    for kind in ("bright", "dark"):
        (folder / kind).mkdir(parents=True)
        for number in range(rows):
            (folder / kind / f"{number:03}.png").write_bytes(image(kind, number))
    return folder
