"""Finds and fetches an sdist through the package index's simple API, as bytes that nobody runs.

Uses the index, the extra indexes and the certificate that pip is configured with (``pip config``,
``PIP_INDEX_URL``), not ``find-links``. JSON and HTML answers: PEP 503, 629, 691, 700.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import re
import ssl
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from html.parser import HTMLParser
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import IO

from modelyard.core.errors import InputError, IntegrityError

LARGEST_PAGE = 64 * 2**20
LARGEST_SDIST = 8 * 2**30
_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"


@dataclass(frozen=True)
class _Link:
    filename: str
    url: str
    sha256: str | None


def download_sdist(name: str, version: str, target: Path) -> None:
    """Put the sdist of that version into the folder ``target``.

    Raises:
        InputError: no index has it, or none can be reached.
        IntegrityError: the bytes do not have the digest that the index gives.
    """
    options = _pip_options()
    indexes = [options.get("index-url", _default_index()), *options.get("extra-index-url", "").split()]
    context = ssl.create_default_context(cafile=options.get("cert"))
    problems = []
    for base in indexes if "no-index" not in options else []:
        try:
            link = _find(f"{base.rstrip('/')}/{name}/", name, version, context)
            if link:
                return _save(link, target / PurePosixPath(link.filename).name, context)
        except (OSError, HTTPException, ValueError) as error:
            problems.append(without_credentials(f"{base}: {error}"))
    raise InputError(
        f"cannot fetch {name}=={version}" + "".join(f"; {problem}" for problem in problems),
        fix="check the name and version, and that the package index can be reached; "
        "offline, name a folder or file that you have",
    )


def without_credentials(text: str) -> str:
    """The text without the user and password of any URL in it."""
    return re.sub(r"//[^/@\s]{1,1000}@", "//****@", text)


def _find(page: str, name: str, version: str, context: ssl.SSLContext) -> _Link | None:
    from packaging.utils import InvalidSdistFilename, canonicalize_name, parse_sdist_filename
    from packaging.version import InvalidVersion, Version

    for link in _links(page, context):
        try:
            found_name, found_version = parse_sdist_filename(link.filename)
        except (InvalidSdistFilename, InvalidVersion):
            continue
        if found_name == canonicalize_name(name) and found_version == Version(version):
            return link
    return None


def _links(page: str, context: ssl.SSLContext) -> list[_Link]:
    try:
        with _open(page, context) as answer:
            data = answer.read(LARGEST_PAGE)
    except urllib.error.URLError as error:
        if getattr(error, "code", None) == 404 or isinstance(error.reason, FileNotFoundError):
            return []
        raise
    if data.lstrip()[:1] == b"{":
        files = json.loads(data)["files"]
        return [
            _Link(file["filename"], urllib.parse.urljoin(page, file["url"]), file["hashes"].get("sha256"))
            for file in files
        ]
    parser = _Anchors()
    parser.feed(data.decode("utf-8", "replace"))
    links = []
    for address in parser.addresses:
        url, _, fragment = urllib.parse.urljoin(page, address).partition("#")
        filename = urllib.parse.unquote(urllib.parse.urlsplit(url).path.rpartition("/")[2])
        links.append(_Link(filename, url, dict(urllib.parse.parse_qsl(fragment)).get("sha256")))
    return links


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        address = dict(attrs).get("href")
        if tag == "a" and address:
            self.addresses.append(address)


def _save(link: _Link, path: Path, context: ssl.SSLContext) -> None:
    hasher = hashlib.sha256()
    size = 0
    with _open(link.url, context) as answer, path.open("xb") as file:
        while block := answer.read(2**20):
            size += len(block)
            if size > LARGEST_SDIST:
                raise InputError(f"{link.filename} is larger than {LARGEST_SDIST} bytes")
            hasher.update(block)
            file.write(block)
    if link.sha256 and hasher.hexdigest() != link.sha256:
        raise IntegrityError(
            f"digest_mismatch: {link.filename} is sha256:{hasher.hexdigest()}",
            expected=f"sha256:{link.sha256}, as the index says",
            fix="fetch it again",
        )


def _open(url: str, context: ssl.SSLContext) -> IO[bytes]:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "file":
        url += "index.html" if url.endswith("/") else ""
    elif parts.scheme not in ("http", "https"):
        raise ValueError(f"not a web address: {url}")
    request = urllib.request.Request(url.replace(f"//{parts.netloc}", f"//{parts.netloc.rpartition('@')[2]}", 1))
    request.add_header("Accept", _ACCEPT)
    if parts.username is not None:
        secret = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        # Unredirected: a server must not be able to pass the credentials on to another.
        request.add_unredirected_header("Authorization", "Basic " + base64.b64encode(secret.encode()).decode())
    answer: IO[bytes] = urllib.request.urlopen(request, context=context, timeout=60)
    return answer


def _default_index() -> str:
    # pip's own, so that both kinds of archive come from one place.
    from pip._internal.models.index import PyPI

    return str(PyPI.simple_url)


def _pip_options() -> dict[str, str]:
    """pip's settings by name; the environment goes before the command's section, that before ``global``."""
    command = [sys.executable, "-P", "-m", "pip", "config", "list"]
    lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    options: dict[str, str] = {}
    for section in ("global", "download", ":env:"):
        for line in lines:
            key, _, value = line.partition("=")
            if key.startswith(f"{section}."):
                options[key.removeprefix(f"{section}.")] = str(ast.literal_eval(value))
    return options
