"""Models for named entities, read from folders: what they find, and what is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelyard.core.errors import InputError, MissingExtraError
from modelyard.core.source import Source
from modelyard.formats import entity_models
from modelyard.formats.entity_models import EntityModel
from modelyard.methods.personal_data import Found
from modelyard.testing import tiny

LABELS = {"Maria": "B-PER", "Lopez": "I-PER", "Berlin": "B-LOC", "王": "B-PER", "明": "I-PER", "Spring": "B-MISC"}
TEXT = "Maria Lopez lives in Berlin, (Maria) not."
FOUND = [("person", "Maria Lopez"), ("place", "Berlin"), ("person", "Maria")]


def source(folder: Path) -> Source:
    return Source("somewhere", folder, "sha256:0", {})


def opened(folder: Path, out: Path) -> EntityModel:
    out.mkdir()
    entity_models.adopt(source(folder), (), out)
    return entity_models.open_entity_model(out)


def parts(text: str, found: list[Found]) -> list[tuple[str, str]]:
    return [(item.kind, text[item.start : item.end]) for item in found]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_token_classifier(tmp_path_factory.mktemp("classifier"), LABELS)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ruler of patterns behind a part that finds no entities and is left out."""
    spacy = pytest.importorskip("spacy")
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    patterns = [
        {"label": "PERSON", "pattern": [{"TEXT": "Maria"}, {"TEXT": "Lopez", "OP": "?"}]},
        {"label": "GPE", "pattern": "Berlin"},
        {"label": "DATE", "pattern": "Spring"},
    ]
    nlp.add_pipe("entity_ruler").add_patterns(patterns)
    folder = tmp_path_factory.mktemp("spacy") / "pipeline"
    nlp.to_disk(folder)
    return folder


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    labels = {"王": "PER-B", "小": "PER-I", "明": "PER-I", "北": "ns-B", "京": "ns-I", "M": "PER-B", "a": "PER-I"}
    folder = tiny.write_chinese_tagger(tmp_path_factory.mktemp("tagger"), labels)
    (folder / "LICENSE").write_text("MIT")
    (folder / "code.py").write_text("raise SystemExit")
    return folder


@pytest.mark.parametrize(("kind", "longest"), [("classifier", 16), ("pipeline", 20_000)])
def test_entities_are_found_in_order_wherever_they_stand(
    kind: str, longest: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    model = opened(request.getfixturevalue(kind), tmp_path / "out")
    # Longer than what is read at once.
    long = "nothing here. " * (longest // 12) + TEXT
    texts = [TEXT, "", "Spring\ud800", long, "lives", TEXT * 2]
    found = model.find(texts)
    assert [parts(text, items) for text, items in zip(texts, found, strict=True)] == [
        FOUND,
        [],
        [],
        FOUND,
        [],
        FOUND * 2,
    ]
    assert model.find(texts) == found
    assert [model.find([text])[0] for text in texts] == found


def test_chinese_needs_no_blanks(classifier: Path, tmp_path: Path) -> None:
    model = opened(classifier, tmp_path / "out")
    text = "我是王明，在Berlin。"
    assert parts(text, model.find([text])[0]) == [("person", "王明"), ("place", "Berlin")]


def test_a_tagger_of_chinese_hears_chinese_only(tagger: Path, tmp_path: Path) -> None:
    model = opened(tagger, tmp_path / "out")
    text = "我是王小明，在北京。Ma"
    wanted = [("person", "王小明"), ("place", "北京")]
    long = "。" * 500 + text
    found = model.find([text, "", long, "王", "Ma"])
    assert [parts(one, items) for one, items in zip([text, "", long, "王", "Ma"], found, strict=True)] == [
        wanted,
        [],
        wanted,
        [("person", "王")],
        [],
    ]
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["LICENSE", "model_baseline", "tag.dic", "word.dic"]


def test_wide_signs_are_read_as_narrow_ones(tmp_path: Path) -> None:
    folder = tiny.write_chinese_tagger(tmp_path / "tagger", {"王": "PER-B", "A": "PER-I", ".": "ns-B"})
    text = "王Ａ。"
    assert parts(text, opened(folder, tmp_path / "out").find([text])[0]) == [("person", "王Ａ")]


def test_damaged_taggers_are_refused(tagger: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tagger"
    shutil.copytree(tagger, folder)

    def refused() -> str:
        with pytest.raises(InputError) as caught:
            entity_models.check(source(folder))
        return str(caught.value)

    (folder / "tag.dic").write_text("0\tO\n")
    assert "do not fit" in refused()
    tiny.write_tensor(folder / "model_baseline" / "crfw", np.zeros((7, 5)), kind=6)
    assert "crfw holds no plain float32" in refused()
    (folder / "model_baseline" / "crfw").write_bytes(b"12")
    assert "cannot be read" in refused()
    (folder / "model_baseline" / "crfw").unlink()
    assert "cannot be read: KeyError" in refused()


def test_what_is_written_is_the_same_and_holds_what_is_needed(pipeline: Path, tmp_path: Path) -> None:
    from modelyard.core.artifact import digest_folder

    first, second = opened(pipeline, tmp_path / "1"), opened(pipeline, tmp_path / "2")
    assert digest_folder(tmp_path / "1") == digest_folder(tmp_path / "2")
    assert first.labels == second.labels == ("DATE", "GPE", "PERSON")
    assert json.loads((tmp_path / "1" / "meta.json").read_text())["pipeline"] == ["entity_ruler"]
    assert not (tmp_path / "1" / "sentencizer").exists()


def test_kinds_that_a_model_lacks(classifier: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        entity_models.adopt(source(classifier), ("person", "organisation"), tmp_path)
    assert "finds no organisation: its labels are LOC, MISC, PER" in str(caught.value)
    assert "one of ORG, ORGANIZATION, ORGANISATION" in caught.value.expected
    assert "kinds: [person, place]" in caught.value.fix
    other = tiny.write_token_classifier(tmp_path / "other", {"wet": "WEATHER"})
    with pytest.raises(InputError, match="finds no person and no place and no organisation"):
        entity_models.adopt(source(other), (), tmp_path)


def test_folders_that_are_no_such_model(classifier: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a model for named entities"):
        entity_models.check(source(tmp_path))
    config = json.loads((classifier / "config.json").read_text())
    (tmp_path / "tokenizer.json").write_bytes((classifier / "tokenizer.json").read_bytes())

    def refused(**changes: Any) -> str:
        (tmp_path / "config.json").write_text(json.dumps(config | changes))
        with pytest.raises(InputError) as caught:
            entity_models.check(source(tmp_path))
        return str(caught.value)

    assert "no weights in safetensors" in refused()
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert "no head for tokens: BertModel" in refused(architectures=["BertModel"])
    assert "its own code" in refused(auto_map={"AutoModel": "evil.Model"})


def test_weights_that_cannot_be_read(classifier: Path, tmp_path: Path) -> None:
    for file in classifier.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(InputError, match="no classifier of tokens: its weights lack"):
        entity_models.adopt(source(tmp_path), (), out)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('factory = "entity_ruler"', 'factory = "their_ruler"', "finds no entities"),
        ("spacy.entity_ruler_scorer.v1", "their_scorer.v1", "needs other code: their_scorer.v1"),
        ("before_creation = null", 'before_creation = {"@callbacks":"their.v1"}', "needs other code: their.v1"),
        ("spacy.Tokenizer.v1", "spacy.zh.ChineseTokenizer", "needs other code: spacy.zh.ChineseTokenizer"),
        ('lang = "en"', 'lang = "klingon"', "the language 'klingon'"),
        ("[nlp]", "[nlp", "cannot be read"),
    ],
)
def test_pipelines_that_need_other_code(pipeline: Path, tmp_path: Path, old: str, new: str, words: str) -> None:
    config = (pipeline / "config.cfg").read_text()
    assert old in config
    (tmp_path / "meta.json").write_bytes((pipeline / "meta.json").read_bytes())
    (tmp_path / "config.cfg").write_text(config.replace(old, new))
    with pytest.raises(InputError) as caught:
        entity_models.check(source(tmp_path))
    assert words in str(caught.value)


def test_pipelines_with_damaged_or_unfit_files(pipeline: Path, tmp_path: Path) -> None:
    import spacy

    damaged = tmp_path / "damaged"
    spacy.load(pipeline).to_disk(damaged)
    (damaged / "vocab" / "strings.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        entity_models.adopt(source(damaged), (), tmp_path / "1")
    nlp = spacy.blank("en")
    ruler: Any = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "PERSON", "pattern": [{"POS": "PROPN"}]}])
    nlp.to_disk(tmp_path / "tagged")
    with pytest.raises(InputError, match="ask for POS"):
        entity_models.adopt(source(tmp_path / "tagged"), (), tmp_path / "2")


def test_without_spacy_the_install_line_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.cfg").write_text("")
    (tmp_path / "meta.json").write_text("{}")
    # None in its place: importing it fails as if it were not installed.
    monkeypatch.setitem(sys.modules, "spacy.util", None)
    with pytest.raises(MissingExtraError, match="spacy is not installed") as caught:
        entity_models.check(source(tmp_path))
    assert caught.value.fix == "pip install 'modelyard[entities]'"


def test_masking_by_pattern_loads_neither(tmp_path: Path) -> None:
    code = (
        "import sys; from modelyard.transforms.mask import Mask; Mask(kinds=['phone'], roles=['text']).apply([]);"
        "print({'spacy', 'torch', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
