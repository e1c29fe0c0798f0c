"""Personal data that texts hold."""

from __future__ import annotations

from collections import Counter

from modelyard.core.report import Figure, Findings, Measure, Series, Table
from modelyard.engines.profiling.rows import Rows
from modelyard.methods.personal_data import KINDS
from modelyard.methods.personal_data import find as find_personal


def find(rows: Rows) -> Findings:
    """Rows with personal data by kind; what they are is not said."""
    texts = [name for name, kind in rows.kinds.items() if kind == "text" and name != "label"]
    table: list[list[str | int]] = []
    kinds: Counter[str] = Counter()
    personal: set[int] = set()
    for name in texts:
        counts: Counter[str] = Counter()
        for place, text in enumerate(rows.all(name)):
            found = {item.kind for item in find_personal(text)} if text else set()
            counts.update(found)
            personal |= {place} if found else set()
        kinds += counts
        table += [[name, kind, counts[kind]] for kind in KINDS if counts[kind]]
    measures = {"personal_data_share": Measure(len(personal) / rows.total if texts else None, n=rows.total)}
    if not table:
        return Findings(measures, notes=["No personal data were found by pattern." if texts else "There are no texts."])
    names = [kind for kind in KINDS if kinds[kind]]
    figure = Figure("Personal data", "bar", "", "rows", [Series("rows", names, [kinds[kind] for kind in names])])
    note = "Personal data by pattern; names and addresses have none. The step mask takes them out."
    return Findings(measures, [Table("Personal data", ["column", "kind", "rows"], table)], [figure], [note])
