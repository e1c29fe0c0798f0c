"""What a user types for an artifact: a folder, a digest, or a name in the yard."""

from __future__ import annotations

from pathlib import Path

from modelyard import sources
from modelyard.core.artifact import MANIFEST, Artifact, open_artifact
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.source import Source
from modelyard.core.step import Parameter
from modelyard.yard.naming import Reference
from modelyard.yard.yard import Yard


def open_input(text: str | None, parameter: Parameter, yard: Yard) -> Artifact | Source | None:
    """The artifact or source behind the text, of the kind that the parameter takes.

    Raises:
        InputError: there is none, or it is of another kind.
    """
    if text is None:
        return None
    if parameter.kind is Source:
        return sources.fetch(text, base=Path.cwd())
    found = _find(text, parameter, yard)
    if not isinstance(found, parameter.kind):
        expected = f"a {parameter.kind.__name__.lower()}"
        raise InputError(f"{parameter.name}: {text!r} is a {found.kind}", expected=expected)
    return found


def _find(text: str, parameter: Parameter, yard: Yard) -> Artifact:
    folder = Path(text)
    if (folder / MANIFEST).is_file():
        artifact = open_artifact(folder.resolve())
        artifact.verify()
        return artifact
    if folder.exists():
        raise InputError(
            f"{text!r} is not an artifact",
            expected=f"a folder with a {MANIFEST}",
            fix="turn it into one first: modelyard load model … --task …, or modelyard load data … --columns …",
        )
    if text.startswith(("pypi:", "hf:")):
        raise InputError(
            f"{parameter.name}: {text!r} is a reference, not an artifact",
            fix="load it first: modelyard load model … --task …, or modelyard load data … --columns …",
        )
    if text.startswith("sha256:"):
        return yard.get(text)
    if "/" in text or text.startswith("."):
        raise InputError(
            f"{parameter.name}: there is no folder {text!r}", fix="give the path of an artifact, or sha256:…"
        )
    if parameter.kind is Model:
        return yard.model(yard.resolve(text.removeprefix("yard:")))
    if parameter.kind is Dataset:
        return _data(text.removeprefix("yard:"), yard)
    raise InputError(
        f"{parameter.name}: there is no {text!r}", expected="a folder of an artifact, sha256:…, or a name in the yard"
    )


def _data(reference: str, yard: Yard) -> Artifact:
    """What a release was made of and judged on, or else the dataset of that name."""
    if Reference.parse(reference).name not in yard.names():
        return yard.data(reference)
    digest = yard.release(yard.resolve(reference)).attributes["data"]
    if digest is None:
        raise InputError(f"the release {reference!r} was made without data", fix="give a folder of a dataset")
    return yard.get(str(digest))
