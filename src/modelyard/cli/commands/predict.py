"""``modelyard predict``: ask a release from the command line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from modelyard.cli.command import add_json, print_json, say
from modelyard.core.errors import InputError


class Predict:
    name = "predict"
    summary = "answers of a release for texts or image files given here or on standard input"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("release", metavar="NAME[@ALIAS|:VERSION]", help="a release in the yard")
        parser.add_argument("text", nargs="*", metavar="INPUT", help="texts or image files; none: one a line")
        parser.add_argument("--options", default="", metavar="YAML", help="options of the task: '{max_tokens: 64}'")
        add_json(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        from modelyard.core.predictor import Predictor
        from modelyard.yard.yard import Yard

        yard = Yard.default()
        version = yard.resolve(arguments.release)
        texts = arguments.text or [line.rstrip("\n") for line in sys.stdin]
        with Predictor(yard.model(version)) as predictor:
            role = predictor.task.inputs[0]
            predictions = predictor.predict(
                [{role: _value(role, text)} for text in texts], **_options(arguments.options)
            )
        if arguments.json:
            print_json({"predictions": predictions, "model": version.name, "version": str(version.number)})
            return 0
        for prediction in predictions:
            say(_line(prediction))
        return 0


def _value(role: str, text: str) -> str | bytes:
    if role != "image":
        return text
    try:
        return Path(text).read_bytes()
    except OSError as error:
        raise InputError(f"{text}: {error.strerror}", expected="the path of a PNG or JPEG file") from None


def _options(text: str) -> dict[str, Any]:
    from modelyard.recipes.document import parse

    if not text:
        return {}
    value = parse(text, "--options").value
    if not isinstance(value, dict):
        raise InputError(f"--options: {text!r}", expected="a mapping such as '{max_tokens: 64}'")
    return value


def _line(prediction: Any) -> str:
    if "label" in prediction:
        return f"{prediction['label']}\t{prediction['score']:.4f}"
    return str(prediction.get("text", prediction))
