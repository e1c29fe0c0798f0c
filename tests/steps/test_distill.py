"""The step ``distill``: a small network learns a large one's answers, the same each time, killed or not."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.source import Source
from modelyard.engines.local import execute
from modelyard.engines.training.lessons import read_lessons, with_copies
from modelyard.engines.training.teaching import Teacher
from modelyard.testing import check_step, tiny

STEP = lookup.step("distill")
ROWS = [{"text": text} for text in tiny.TEXTS]
OPTIONS = {"epochs": 12, "batch_size": 8, "learning_rate": 0.003}


def write_data(out: Path, rows: int = 48, labels: list[str | None] | None = None) -> Dataset:
    table = pa.table(
        {
            "row": pa.array(range(rows), pa.int64()),
            "text": [tiny.TEXTS[number % 6] for number in range(rows)],
            "label": pa.array(labels or [tiny.LABELS[number % 6] for number in range(rows)], pa.string()),
        }
    )
    named = table.set_column(2, "label", pa.array([tiny.LABELS[number % 6] for number in range(rows)]))
    out.mkdir()
    splits = {"train": table, "validation": named.slice(0, 12)}
    return Dataset.write(out, splits, parents=[], labels=("ham", "spam"))


def adopt(encoder: Path, out: Path, labels: tuple[str, ...] = ("ham", "spam")) -> Model:
    out.mkdir()
    task = lookup.task("text-classification")
    return task.adopt(Source(encoder.name, encoder, "sha256:0", {}), out, data=tiny.labelled(*labels), seed=0)


def write_other_encoder(folder: Path) -> Path:
    """One layer of width 16 over whole words."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    words = sorted({word for text in tiny.TEXTS for word in text.split()})
    vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=32, **names).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
    )
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("distill")


@pytest.fixture(scope="module")
def data(folder: Path) -> Dataset:
    return write_data(folder / "data")


@pytest.fixture(scope="module")
def teacher(folder: Path, data: Dataset) -> Model:
    model = adopt(tiny.write_encoder(folder / "encoder"), folder / "adopted")
    made = check_step("finetune full", [model, data], {"epochs": 12, "batch_size": 8, "learning_rate": 0.003})
    assert isinstance(made, Model)
    return made


@pytest.fixture(scope="module")
def student(folder: Path, teacher: Model) -> Model:
    """The teacher without its first layer, and with a head that knows nothing."""
    import torch

    network = lookup.task(teacher.task).network(teacher)
    network.bert.encoder.layer = network.bert.encoder.layer[1:]
    network.config.num_hidden_layers = 1
    torch.nn.init.zeros_(network.classifier.weight)
    out = folder / "student"
    out.mkdir()
    lookup.runtime("torch").build(teacher, out, network=network)
    return teacher.rewrite(out, parents=[teacher])


def test_lessons_take_the_focus_of_their_rows_along(folder: Path, data: Dataset, teacher: Model) -> None:
    focused = check_step("balance focal", [data], {"gamma": 1.5})
    assert isinstance(focused, Dataset)
    lessons = with_copies(read_lessons(teacher, focused, "train"), 1, seed=0)
    examples = lessons.examples(teacher, focused, {})
    batch, _ = examples.batch(np.array([0, 48]))
    assert batch["focus"].tolist() == [1.5, 1.5]
    assert batch["labels"].tolist()[1] == -1
    assert "focus" not in read_lessons(teacher, data, "train").examples(teacher, data, {}).beside
    assert "focus" not in examples.inputs(np.array([0]))


def run(student: Model, teacher: Model, data: Dataset, place: Path, **options: Any) -> Model:
    for name in ("out", "scratch"):
        (place / name).mkdir(parents=True, exist_ok=True)
    checked = STEP.check_options(OPTIONS | options)
    made = execute(STEP, [student, teacher, data], checked, out=place / "out", scratch=place / "scratch")
    assert isinstance(made, Model)
    return made


def labels_of(model: Model) -> list[str]:
    with Predictor(model) as predictor:
        return [str(answer["label"]) for answer in predictor.predict(ROWS)]


def scores_of(model: Model) -> np.ndarray:
    with Predictor(model) as predictor:
        return np.array([[answer["scores"][label] for label in ("ham", "spam")] for answer in predictor.predict(ROWS)])


@pytest.mark.parametrize("options", [{}, {"hidden": 1.0, "copies": 1, "epochs": 6}])
def test_it_keeps_the_contract_and_learns(
    student: Model, teacher: Model, data: Dataset, options: dict[str, Any]
) -> None:
    made = check_step("distill", [student, teacher, data], OPTIONS | options)
    assert isinstance(made, Model)
    assert labels_of(made) == labels_of(teacher)
    assert made.size_bytes < teacher.size_bytes
    names = {name for name in made.files if name.endswith(".safetensors")}
    assert names == {"model.safetensors"}


def test_rows_without_labels_are_learned_from_the_teacher_alone(student: Model, teacher: Model, tmp_path: Path) -> None:
    """Every label is missing or wrong; what the student knows, it has from the teacher."""
    unlabelled = write_data(tmp_path / "unlabelled", labels=[None] * 48)
    wrong = write_data(tmp_path / "wrong", labels=[tiny.LABELS[(number + 1) % 6] for number in range(48)])
    from_none = run(student, teacher, unlabelled, tmp_path / "none", epochs=24, soft=1.0)
    assert np.abs(scores_of(from_none) - scores_of(teacher)).max() < 0.1
    from_teacher = run(student, teacher, wrong, tmp_path / "teacher", epochs=24, soft=1.0)
    assert from_teacher.files["model.safetensors"] == from_none.files["model.safetensors"]
    assert labels_of(run(student, teacher, wrong, tmp_path / "labels", soft=0.0)) != labels_of(teacher)


def test_a_split_without_labels_is_learned_too(student: Model, teacher: Model, data: Dataset, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    train = data.table("train")
    bare = train.set_column(2, "label", pa.nulls(train.num_rows, pa.string()))
    splits = {"train": train.slice(0, 2), "validation": data.table("validation"), "unlabelled": bare}
    more = Dataset.write(tmp_path / "data", splits, parents=[], labels=data.labels)
    made = run(student, teacher, more, tmp_path, epochs=2)
    assert json.loads((made.path / "training.json").read_text())["steps"] == 2 * 7


def test_a_teacher_may_compute_in_bfloat16(teacher: Model, tmp_path: Path) -> None:
    """What autocast leaves on chips that compute in it is answered in float32."""
    labels, found = teacher.labels, {}
    for bf16 in (False, True):
        with Teacher(teacher, labels, device="cpu", bf16=bf16, cache=tmp_path) as asked:
            found[bf16] = asked.answer(ROWS, (), layers=1)
    assert found[True].logits.dtype == np.float32
    np.testing.assert_allclose(found[True].logits, found[False].logits, atol=0.1)
    np.testing.assert_allclose(found[True].states[0], found[False].states[0], atol=0.1)


@pytest.mark.parametrize("hidden", [0.0, 1.0])
def test_another_architecture_reads_its_own_tokens(
    folder: Path, teacher: Model, data: Dataset, tmp_path: Path, hidden: float
) -> None:
    other = adopt(write_other_encoder(tmp_path / "other"), tmp_path / "adopted")
    made = run(other, teacher, data, tmp_path, hidden=hidden, epochs=20, learning_rate=0.01)
    assert labels_of(made) == labels_of(teacher)


def test_any_runtime_may_teach_but_only_torch_shows_its_layers(
    student: Model, teacher: Model, data: Dataset, tmp_path: Path
) -> None:
    exported = check_step("quantize dynamic", [teacher], repeatable=False)
    assert isinstance(exported, Model)
    assert labels_of(run(student, exported, data, tmp_path / "answers")) == labels_of(teacher)
    with pytest.raises(InputError, match="onnxruntime does not show its layers"):
        run(student, exported, data, tmp_path / "states", hidden=1.0)


KILLED = """
import os, signal, sys
from pathlib import Path
import torch
from modelyard.core import lookup
from modelyard.core.artifact import open_artifact
from modelyard.core.progress import reporting
from modelyard.engines.local import execute
from modelyard.engines.training import teaching

torch.set_num_threads(1)
*given, place = (Path(name) for name in sys.argv[1:])
inputs = [open_artifact(path) for path in given]
step = lookup.step("distill")
options = step.check_options({"epochs": 2, "batch_size": 8, "checkpoint_every": 2, "hidden": 1.0, "copies": 1})
seen = []

def attempt(name, title, last):
    def die(shown, done, total, values):
        seen.append(shown)
        if shown == title and done is not None and done >= last:
            os.kill(os.getpid(), signal.SIGKILL)
    folders = {kind: place / name / kind for kind in ("out", "scratch")}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    with reporting(die):
        return execute(step, inputs, options, **folders).digest

print(attempt("whole", "", 0))
# As in a process that has asked nothing yet.
teaching._REMEMBERED.clear()
for title, last in (("asking the teacher", 1), ("training", 1), ("training", 7), ("training", 20)):
    child = os.fork()
    if child == 0:
        attempt("killed", title, last)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
seen.clear()
print(attempt("killed", "", 0))
print("asking the teacher" in seen)
"""


@pytest.mark.slow
def test_a_killed_run_ends_with_the_same_weights_and_asks_once(
    student: Model, teacher: Model, data: Dataset, tmp_path: Path
) -> None:
    arguments = [str(item.path) for item in (student, teacher, data)] + [str(tmp_path)]
    done = subprocess.run([sys.executable, "-c", KILLED, *arguments], capture_output=True, text=True, check=True)
    whole, *exits, resumed, asked_again = done.stdout.split()
    assert exits == ["-9"] * 4
    assert resumed == whole
    assert asked_again == "False"


def test_the_teacher_is_found_in_a_recipe() -> None:
    assert STEP.converts
    assert [parameter.name for parameter in STEP.parameters] == ["model", "teacher", "data"]


def test_a_teacher_of_other_classes_or_another_task_is_refused(
    folder: Path, student: Model, data: Dataset, tmp_path: Path
) -> None:
    other = adopt(folder / "encoder", tmp_path / "other", labels=("ham", "spam", "news"))
    with pytest.raises(InputError, match="the teacher has the classes ham, spam, news"):
        run(student, other, data, tmp_path)
    shutil.copytree(student.path, tmp_path / "generator")
    writer = Model.write(
        tmp_path / "generator", task="text-generation", runtime="torch", base="tiny", parents=[], labels=student.labels
    )
    with pytest.raises(InputError, match="the teacher does text-generation"):
        run(student, writer, data, tmp_path)
    assert not list((tmp_path / "out").iterdir())
