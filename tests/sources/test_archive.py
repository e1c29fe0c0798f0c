"""Archives give the wanted files and nothing else; hostile ones are refused and leave nothing outside."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from modelyard.core.errors import InputError
from modelyard.sources import archive
from modelyard.sources.archive import extract


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return path


def write_tar(path: Path, members: list[tuple[str, bytes | None, dict[str, object]]]) -> Path:
    with tarfile.open(path, "w:gz") as file:
        for name, content, fields in members:
            info = tarfile.TarInfo(name)
            info.size = len(content or b"")
            for key, value in fields.items():
                setattr(info, key, value)
            file.addfile(info, io.BytesIO(content or b""))
    return path


def tree(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


FILES = {"p/__init__.py": b"", "p/data/a.csv": b"x\n1\n", "p/data/deep/b.csv": b"2", "p/data2/c.csv": b"3"}


def test_a_file_or_a_folder_comes_out_of_a_wheel(tmp_path: Path) -> None:
    wheel = write_zip(tmp_path / "p-1-py3-none-any.whl", FILES)
    extract(wheel, "p/data/a.csv", tmp_path / "one" / "a.csv")
    extract(wheel, "p/data", tmp_path / "some")
    extract(wheel, "", tmp_path / "all")
    assert tree(tmp_path / "one") == {"a.csv": b"x\n1\n"}
    assert tree(tmp_path / "some") == {"a.csv": b"x\n1\n", "deep/b.csv": b"2"}
    assert tree(tmp_path / "all") == FILES


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_paths_in_an_sdist_begin_below_its_top_folder(tmp_path: Path, kind: str) -> None:
    inside = {f"p-1/{name}": content for name, content in FILES.items()}
    path = tmp_path / f"p-1.{kind}"
    if kind == "zip":
        write_zip(path, inside)
    else:
        write_tar(path, [(name, content, {}) for name, content in inside.items()])
    extract(path, "p/data", tmp_path / "some")
    assert tree(tmp_path / "some") == {"a.csv": b"x\n1\n", "deep/b.csv": b"2"}


def test_a_wrong_path_suggests_the_nearest(tmp_path: Path) -> None:
    wheel = write_zip(tmp_path / "p.whl", FILES)
    with pytest.raises(InputError, match=r"did you mean 'p/data/a\.csv'"):
        extract(wheel, "p/data/a.cvs", tmp_path / "x")


@pytest.mark.parametrize("name", ["d/../../evil", "d/..", "d//evil", "d/./evil", "d/a\\..\\evil"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_that_are_not_plain_are_refused(tmp_path: Path, name: str, kind: str) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    if kind == "zip":
        path = write_zip(tmp_path / "p.whl", {name: b"evil"})
    else:
        path = write_tar(tmp_path / "p.tar.gz", [(f"p-1/{name}", b"evil", {})])
    with pytest.raises(InputError, match="unsafe archive"):
        extract(path, "d", inner / "target")
    assert b"evil" not in tree(tmp_path).values()


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, "d/link"),
        ({"type": tarfile.LNKTYPE, "linkname": "p-1/other"}, "d/hard"),
        ({"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 5}, "d/zero"),
        ({"type": tarfile.FIFOTYPE}, "d/pipe"),
    ],
)
def test_links_and_devices_are_refused(tmp_path: Path, fields: dict[str, object], name: str) -> None:
    path = write_tar(tmp_path / "p.tar.gz", [("p-1/d/a", b"1", {}), (f"p-1/{name}", None, fields)])
    with pytest.raises(InputError, match="link, a device"):
        extract(path, "d", tmp_path / "target")


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.whl"
    with zipfile.ZipFile(path, "w") as file:
        info = zipfile.ZipInfo("d/link")
        info.external_attr = 0o120777 << 16
        file.writestr(info, "/etc/passwd")
    with pytest.raises(InputError, match="link, a device"):
        extract(path, "d", tmp_path / "target")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("second", ["d/a", "d/a/b"])
def test_one_name_for_two_things_is_refused(tmp_path: Path, second: str) -> None:
    path = tmp_path / "p.whl"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("d/a", b"1")
        file.writestr(second, b"2")
    with pytest.raises(InputError, match=r"twice|damaged"):
        extract(path, "d", tmp_path / "target")


@pytest.mark.parametrize("wanted", ["d", "other"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str, kind: str) -> None:
    monkeypatch.setattr(archive, "ALWAYS_ALLOWED", 2**20)
    zeros = bytes(8 * 2**20)
    if kind == "zip":
        path = write_zip(tmp_path / "p.whl", {"d/zeros": zeros, "other": b"1"})
        if wanted == "other":
            extract(path, wanted, tmp_path / "target")  # what is not wanted is not unpacked
            return
    else:
        path = write_tar(tmp_path / "p.tar.gz", [("p-1/d/zeros", zeros, {}), ("p-1/other", b"1", {})])
    with pytest.raises(InputError, match="100 times its size"):
        extract(path, wanted, tmp_path / "target")


@pytest.mark.parametrize("cut", [10, 60, 200])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_cut_archive_is_a_clear_error(tmp_path: Path, cut: int, kind: str) -> None:
    if kind == "zip":
        path = write_zip(tmp_path / "p.whl", FILES)
    else:
        path = write_tar(tmp_path / "p.tar.gz", [(f"p-1/{name}", bytes(range(256)), {}) for name in FILES])
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match="damaged archive"):
        extract(path, "p", tmp_path / "target")
