"""``hf:owner/name@revision/path``: a model or data set of the Hugging Face Hub, pinned to its commit.

Only weights that cannot carry code, tokenizers, configuration and data are fetched: no pickles, no
Python. A data set is ``hf:datasets/owner/name@revision``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelyard.core.errors import InputError, IntegrityError, suggestion
from modelyard.core.progress import progress
from modelyard.core.source import Source
from modelyard.sources.local import digest, list_files

SAFE_FILES = ("safetensors", "json", "txt", "model", "gguf", "jinja", "onnx", "csv", "tsv", "jsonl", "parquet")
_FORM = "hf:owner/name@revision, with /path after it for one file or folder"
_REFERENCE = re.compile(
    r"(?P<data>datasets/)?(?P<repository>[\w.-]+(/[\w.-]+)?)(@(?P<revision>[^/@\s]+)(/(?P<inside>.+))?)?"
)
_COMMIT = re.compile(r"[0-9a-f]{40}")


def fetch(reference: str, pins: Mapping[str, Any]) -> Source:
    """The snapshot of a repository, or one path in it.

    Args:
        reference: ``hf:owner/name@revision/path``; the revision is ``main`` by default, and a slash in
            it is written ``%2F``.
        pins: ``{"commit": "…"}`` or nothing; a pinned commit is fetched even if the branch moved on.

    Raises:
        InputError: no such repository, revision or path, no access, or no connection.
        IntegrityError: the reference names another commit than the one pinned.
    """
    match = _REFERENCE.fullmatch(reference.partition(":")[2])
    if match is None:
        raise InputError(f"not a reference to the hub: {reference!r}", expected=_FORM)
    wanted = (match["revision"] or "main").replace("%2F", "/")
    pinned = str(pins.get("commit", wanted))
    if _COMMIT.fullmatch(wanted) and pinned != wanted:
        raise IntegrityError(
            f"digest_mismatch: the reference names commit {wanted}",
            expected=f"{pinned}, as pinned",
            fix="build again without --locked",
            where=reference,
        )
    snapshot = _download(reference, match["repository"], pinned, "dataset" if match["data"] else "model")
    if pins and snapshot.name != pinned:
        raise IntegrityError(f"digest_mismatch: commit {snapshot.name}", expected=pinned, where=reference)
    path = _inside(snapshot, match["inside"] or "", reference)
    return Source(reference, path, digest(path), {"commit": snapshot.name})


def _download(reference: str, repository: str, revision: str, kind: str) -> Path:
    from huggingface_hub import errors, snapshot_download

    patterns = [f"*.{suffix}" for suffix in SAFE_FILES]
    try:
        with progress(f"fetching {reference}"):
            return Path(
                snapshot_download(repository, repo_type=kind, revision=revision, allow_patterns=patterns, max_workers=4)
            )
    except errors.GatedRepoError:
        what, fix = "this repository is gated", "accept its terms on the hub and set HF_TOKEN to your token"
    except errors.RevisionNotFoundError:
        what, fix = f"no revision {revision!r} in {repository}", "look at the branches and tags on the hub"
    except (errors.RepositoryNotFoundError, errors.HFValidationError):
        what, fix = f"no repository {repository!r}", "check the name; for a private one set HF_TOKEN to your token"
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, errors.HfHubHTTPError, OSError) as error:
        what = f"the hub cannot be reached, and its cache does not hold this revision ({type(error).__name__})"
        fix = (
            "connect and try again (HF_TOKEN for gated or private repositories), point HF_HOME at a filled cache, "
            "or name a local folder"
        )
    raise InputError(f"cannot fetch {reference}: {what}", expected=_FORM, fix=fix)


def _inside(snapshot: Path, inside: str, reference: str) -> Path:
    path = snapshot / inside
    if ".." in Path(inside).parts or Path(inside).is_absolute() or not path.exists():
        names = [file.relative_to(snapshot).as_posix() for file in list_files(snapshot)]
        raise InputError(
            f"no file or folder {inside!r} in {reference}",
            expected=f"a path to files of these kinds: {', '.join(SAFE_FILES)}",
            fix=suggestion(inside, names),
        )
    return path
