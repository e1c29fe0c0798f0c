"""``scan``: a model's files are audited; nothing of them is run. Knows no kind of file; the room ``formats`` does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelyard.core.model import Model
from modelyard.core.report import Findings, Measure, Report, Table
from modelyard.core.step import step
from modelyard.formats.audit import Audit, audit


@step(measures=("scan_findings", "scan_severity"))
def scan(model: Model, *, out: Path, licences: Mapping[str, str] | None = None) -> Report:
    """Audit a model's files for code, links, secrets and licences; nothing of them is run.

    Pickles are followed instruction by instruction, archives are looked into in memory, and each file is told by its
    content: pickled code, Lambda layers and objects that are not of Keras, operators and external data of ONNX,
    unsound headers of safetensors and GGUF, chat templates that reach Python, configurations that bring their own code,
    programs, links, secrets.

    `scan_severity` is the worst finding's: 0 none, 1 low, 2 medium, 3 high, 4 critical. As a command it takes any
    folder, file or reference: `modelyard scan FOLDER`.

    Args:
        model: whose files are looked at.
        licences: licence of the release and of what it was made from, as {release: mit, base: apache-2.0, data: mit}.
    """
    return Report.write(out, _findings(audit(model.path, licences)), parents=[model])


def _findings(found: Audit) -> Findings:
    columns = ("severity", "file", "found", "expected", "how to mend it")
    rows: list[list[Any]] = [
        [item.severity.word, item.file, item.what, item.expected, item.fix] for item in found.findings
    ]
    licences: list[list[Any]] = [[file, name] for file, name in found.licences.items()]
    measures = {
        "scan_findings": Measure(len(found.findings), n=found.files),
        "scan_severity": Measure(found.severity, n=found.files),
    }
    tables = [Table("Findings of the audit", columns, rows)] if rows else []
    tables += [Table("Licences that the files state", ("file", "licence"), licences)] if licences else []
    notes = [f"{found.files} files were audited; nothing of them was run."]
    if not licences:
        notes.append("No file states a licence.")
    return Findings(measures, tables, notes=notes)
