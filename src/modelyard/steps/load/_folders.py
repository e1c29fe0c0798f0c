"""Folders as tables: images sorted into a folder for each class, or a table beside the images that it names.

A folder of images has the columns ``image``, ``label`` (its class folder) and ``file``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from modelyard.core.errors import InputError
from modelyard.core.source import Source
from modelyard.methods import image_header
from modelyard.steps.load._columns import Spec, resolve
from modelyard.steps.load._tables import Format, Table, has_table_name, read_table

_PARTS = {"source": ("train",), "test": ("test",), "validation": ("validation", "valid", "val")}
_OTHER_IMAGES = (".gif", ".bmp", ".webp", ".tif", ".tiff", ".heic", ".avif")


def part_folders(given: Mapping[str, Source]) -> dict[str, Source]:
    """The sources, a folder with a subfolder ``train`` taken apart into its splits."""
    source = given["source"]
    if not (source.path / "train").is_dir():
        return dict(given)
    found = dict(given)
    for part, names in _PARTS.items():
        for name in names:
            if (source.path / name).is_dir() and (part == "source" or part not in given):
                found[part] = replace(source, path=source.path / name)
    return found


def read(path: Path, columns: Mapping[str, Spec], format: Format, *, header: bool) -> Table:
    """The table in a file, in a folder beside the images that it names, or the one that a folder of images is.

    Raises:
        InputError: it cannot be read, or a folder holds neither a table nor class folders.
    """
    if not path.is_dir():
        return read_table(path, columns, format, header=header)
    tables = [entry for entry in sorted(path.iterdir()) if entry.is_file() and has_table_name(entry)]
    if len(tables) == 1:
        return replace(read_table(tables[0], columns, format, header=header), folder=path)
    return _read_images(path, columns) if not tables else read_table(path, columns, format)


def _read_images(path: Path, columns: Mapping[str, Spec]) -> Table:
    files = sorted(file for file in path.rglob("*") if file.is_file())
    names = [file.relative_to(path).as_posix() for file in files]
    names = [name for name in names if not any(part.startswith(".") for part in name.split("/"))]
    for name in names:
        if name.lower().endswith(_OTHER_IMAGES):
            raise InputError(f"{name} is neither PNG nor JPEG", fix="convert it to PNG", where=path.name)
    images = [name for name in names if Path(name).suffix.lower() in image_header.SUFFIXES]
    loose = [name for name in images if "/" not in name and "label" in columns]
    if not images or loose:
        raise InputError(
            f"{loose[0]} lies in no folder of its class" if loose else "no images and no table in the folder",
            expected="CLASS/file.png, or train/CLASS/file.png and test/CLASS/file.png",
            fix="put each image into a folder with the name of its class, or give one table beside the images",
            where=path.name,
        )
    cells = {"image": images, "label": [name.split("/")[0] for name in images], "file": images}
    return Table(path.name, resolve(columns, list(cells), path.name), dict(cells), folder=path)
