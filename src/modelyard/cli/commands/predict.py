"""``modelyard predict``: ask a release from the command line, for a few rows or for a whole file."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from modelyard.cli.command import add_json, note, print_json, say
from modelyard.cli.progress import shown_progress
from modelyard.core.errors import InputError

if TYPE_CHECKING:
    from modelyard.core.dataset import Dataset
    from modelyard.core.predictor import Predictor


class Predict:
    name = "predict"
    summary = "answers of a release for rows given here, on standard input, or in a file"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("release", metavar="NAME[@ALIAS|:VERSION]", help="a release in the yard")
        parser.add_argument(
            "text", nargs="*", metavar="INPUT", help="texts, image files, or rows as JSON objects; none: one a line"
        )
        parser.add_argument("--options", default="", metavar="YAML", help="options of the task: '{max_tokens: 64}'")
        parser.add_argument("--input", metavar="FILE", help="a table or folder, as under data: in a recipe")
        parser.add_argument(
            "--output", type=Path, metavar="FILE", help="for --input: .jsonl, .csv or .parquet; none: JSON Lines here"
        )
        parser.add_argument(
            "--columns", default="", metavar="YAML", help="for --input: '{text: message}'; those of the recipe"
        )
        parser.add_argument(
            "--engine", choices=("local", "ray"), default="local", help="for --input: where rows are answered (local)"
        )
        parser.add_argument("--workers", type=int, metavar="N", help="with --engine ray (default: one a core)")
        add_json(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        from modelyard.core.predictor import Predictor
        from modelyard.yard.yard import Yard

        _check(arguments)
        yard = Yard.default()
        version = yard.resolve(arguments.release)
        yard.signing.admit(version)
        options = _mapping("--options", arguments.options, "{max_tokens: 64}")
        about = {"model": version.name, "version": str(version.number)}
        with Predictor(yard.model(version)) as predictor:
            if arguments.input is None:
                return _answer(predictor, arguments, options, about)
            columns = _mapping("--columns", arguments.columns, "{text: message}")
            data = columns_of(yard.release(version).recipe)
            return _answer_file(predictor, arguments, options, about, {**data, **columns})


def _check(arguments: argparse.Namespace) -> None:
    from modelyard.formats import prediction_file

    if arguments.input is not None and arguments.text:
        raise InputError("rows and --input are given", fix="give one of them")
    if arguments.input is None and (arguments.output or arguments.columns):
        raise InputError("--output and --columns go with --input", fix="name a file: --input FILE")
    if arguments.input is None and arguments.engine != "local":
        raise InputError("--engine goes with --input", fix="name a file: --input FILE")
    if arguments.workers is not None and (arguments.engine == "local" or not 1 <= arguments.workers <= 256):
        raise InputError(f"--workers {arguments.workers}", expected="1 to 256, with --engine ray")
    if arguments.output:
        prediction_file.check_name(arguments.output)


def _answer(
    predictor: Predictor, arguments: argparse.Namespace, options: Mapping[str, Any], about: Mapping[str, str]
) -> int:
    role = predictor.task.inputs[0]
    texts = arguments.text or [line.rstrip("\n") for line in sys.stdin]
    predictions = predictor.predict([{role: _value(role, text)} for text in texts], **options)
    if arguments.json:
        print_json({"predictions": predictions, **about})
        return 0
    for prediction in predictions:
        say(_line(prediction))
    return 0


def _answer_file(
    predictor: Predictor,
    arguments: argparse.Namespace,
    options: Mapping[str, Any],
    about: Mapping[str, str],
    columns: Mapping[str, Any],
) -> int:
    from modelyard.core.whole_file import write_whole
    from modelyard.engines.parts import answer_parts
    from modelyard.formats import prediction_file

    output: Path | None = arguments.output
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch, shown_progress(), ExitStack() as closing:
        data = load_rows(arguments.input, predictor, columns, Path(scratch) / "data")
        rows = data.rows("test")
        folder = output.with_name(f"{output.name}.partial") if output else Path(scratch) / "parts"
        identity = {"model": predictor.model.digest, "input": data.digest, "options": dict(options)}
        found: list[Any] = []
        answer, size, close = _engine(predictor, options, arguments)
        closing.callback(close)
        for first, part in answer_parts(answer, rows, folder, identity, size=size):
            if output is None and not arguments.json:
                for number, prediction in enumerate(part, first):
                    say(json.dumps({"row": number, **prediction}, ensure_ascii=False))
            found += part
        if output is not None:
            write_whole(output, prediction_file.encode(output.name, found))
            shutil.rmtree(folder)
    seconds = time.perf_counter() - started
    where = {"rows": len(found), "output": str(output)} if output else {"predictions": found}
    if arguments.json:
        print_json({**where, **about, "seconds": round(seconds, 3)})
    elif output is not None:
        note(f"{len(found)} rows in {seconds:.1f} s: {output}")
    return 0


def _engine(
    predictor: Predictor, options: Mapping[str, Any], arguments: argparse.Namespace
) -> tuple[Callable[[Sequence[Any]], Sequence[Any]], int, Callable[[], None]]:
    """What answers rows, how many it is handed at once, and what ends it."""
    from modelyard.engines import parts

    if arguments.engine == "local":
        return lambda some: predictor.predict(some, **options), parts.ROWS, lambda: None
    from modelyard.engines import ray_data

    engine = ray_data.RayData(predictor.model, options, arguments.workers or os.cpu_count() or 1)
    return engine.predict, ray_data.PART, engine.close


def load_rows(reference: str, predictor: Predictor, columns: Mapping[str, Any], out: Path) -> Dataset:
    """The file as a dataset whose rows all stand in the split test, read as a recipe's data are."""
    from modelyard.core import lookup
    from modelyard.core.dataset import Dataset
    from modelyard.core.predictor import fills_gaps, raw_columns
    from modelyard.engines.local import execute
    from modelyard.sources import fetch

    inputs = predictor.task.inputs
    wanted = {role: columns.get(role, role) for role in inputs}
    options: dict[str, Any] = {"columns": wanted, "split": {"train": 0, "validation": 0, "test": 1}}
    if "features" in inputs:
        kinds = raw_columns(predictor.model, predictor.processor)
        gaps = fills_gaps(predictor.model) or any(column.gaps for column in predictor.processor.codes.columns)
        wanted["features"] = list(kinds)
        options |= {"categorical": [name for name, kind in kinds.items() if kind == "category"]}
        options |= {"missing": "keep" if gaps else "error"}
    step = lookup.step("load data")
    out.mkdir()
    return cast(Dataset, execute(step, [fetch(reference)], step.check_options(options), out=out, scratch=out))


def columns_of(recipe: str) -> Mapping[str, Any]:
    """Role → column, as the recipe of the release has it."""
    from modelyard.formats.document import parse

    data = parse(recipe, "recipe.yaml").value.get("data")
    columns = data.get("columns") if isinstance(data, dict) else None
    return columns if isinstance(columns, dict) else {}


def _value(role: str, text: str) -> Any:
    if role == "features":
        return _features(text)
    if role != "image":
        return text
    try:
        return Path(text).read_bytes()
    except OSError as error:
        raise InputError(f"{text}: {error.strerror}", expected="the path of a PNG or JPEG file") from None


def _features(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise InputError(f"{text!r:.80} is no JSON object", expected='a row such as {"age": 41, "plan": "basic"}')
    return value


def _mapping(flag: str, text: str, example: str) -> dict[str, Any]:
    from modelyard.formats.document import parse

    if not text:
        return {}
    value = parse(text, flag).value
    if not isinstance(value, dict):
        raise InputError(f"{flag}: {text!r}", expected=f"a mapping such as '{example}'")
    return value


def _line(prediction: Any) -> str:
    if "label" in prediction:
        return f"{prediction['label']}\t{prediction['score']:.4f}"
    return str(prediction.get("text", prediction.get("value", prediction)))
