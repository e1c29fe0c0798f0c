"""``load data``: a foreign table becomes a dataset with splits, roles, class names and a profile.

Knows no way to fetch; files come as sources.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from modelyard.core.artifact import hash_bytes
from modelyard.core.dataset import ROW_ID, Dataset
from modelyard.core.errors import InputError, suggestion
from modelyard.core.options import Between
from modelyard.core.source import Source
from modelyard.core.step import step
from modelyard.methods import profiling, splitting
from modelyard.steps.load import _folders
from modelyard.steps.load._columns import Spec
from modelyard.steps.load._roles import (
    ANSWERS,
    NOT_INPUTS,
    Gathered,
    Missing,
    check_roles,
    convert,
    judge_gathered,
    missing_rows,
    sort_classes,
)
from modelyard.steps.load._tables import Format, Table

Columns = dict[str, list[Any]]
"""Role → values; of equal length, with the row numbers under ``row``."""
SHARES = ("train", "validation", "test")
UNLABELLED = "unlabelled"
REVIEWED = "reviewed"
_REVIEWED_ROLES = ("text", "features", "label", "target")
"""The split whose rows have no answer, and the file that they come from."""


@dataclass(frozen=True)
class Split:
    """How rows are divided.

    Attributes:
        train: share of the rows to learn from.
        validation: share to choose by while learning.
        test: share to judge by in the end.
        by: role whose shares are kept in every split; the label, if there is one.
        group: role whose rows stay together; ``group``, if there is one.
        seed: of the shuffle.

    Raises:
        InputError: the shares do not sum to one.
    """

    train: Annotated[float, Between(0, 1)] = 0.8
    validation: Annotated[float, Between(0, 1)] = 0.1
    test: Annotated[float, Between(0, 1)] = 0.1
    by: str | None = None
    group: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-9:
            raise InputError(
                f"split: train, validation and test sum to {total:g}",
                expected="shares that sum to 1",
                fix="for example split: {train: 0.8, validation: 0.1, test: 0.1}",
            )


@step
def data(
    source: Source,
    test: Source | None = None,
    validation: Source | None = None,
    unlabelled: Source | None = None,
    reviewed: Source | None = None,
    *,
    out: Path,
    columns: Mapping[str, Spec],
    categorical: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    split: Split = Split(),
    format: Format = "auto",
    header: bool = True,
    missing: Missing = "error",
) -> Dataset:
    """Read a table, check it, and divide it into splits.

    Reads CSV, TSV, Parquet, JSON Lines and Orange's tables with three header lines, text also if it is compressed
    with gzip; folders of images (CLASS/file.png, also below train, validation and test), whose columns are image,
    label and file; and a folder with one table and the images that it names. The profile that is kept with the data
    counts rows, classes, missing values, duplicates, duplicates across splits and text lengths, and warns of what
    may spoil a model.

    Class names are sorted (whole numbers by value); of two classes the last is the positive one.

    Args:
        source: the table; its rows are divided into the splits that have no file of their own.
        test: the rows to judge by, if they are a file of their own.
        validation: the rows to choose by, if they are a file of their own.
        unlabelled: rows without an answer, a file of their own, which need no column for label, target or weight;
            distill has its teacher answer them.
        reviewed: rows that people decided, as review export gives them: they join the rows to learn from with their
            weights, whatever the split; the others weigh 1.
        columns: role → column, such as text: message; roles are text, features, label, target (a number to
            predict), image, weight, group, id, and any other name that a task asks for. Features are several columns: a
            list of names, a range first..last, or "*" for all that no other role names; so are the pixels of an
            image, unless one column holds files, base64 text or nested lists.
        categorical: features whose values are categories although they look like numbers.
        labels: raw label → class name, such as 0: ham, 1: spam; all raw labels must be named.
        split: shares (train, validation, test) that sum to one, by (a role to stratify by), group
            (a role whose rows stay together), and seed. Shares of splits with a file of their own do
            not count.
        format: how to read the file; auto goes by its content and name.
        header: whether the first line of a CSV or TSV file names the columns; else they are column_1, column_2, …
        missing: what to do about rows that lack text, label, target, weight, group or a feature: refuse the file, drop
            the rows, or keep those that lack features only.

    Raises:
        InputError: the files, the columns or the split cannot be used.
    """
    check_roles(columns, labels)
    sources = {"source": source, "test": test, "validation": validation, UNLABELLED: unlabelled, REVIEWED: reviewed}
    given = _folders.part_folders({name: item for name, item in sources.items() if item is not None})
    profile: dict[str, Any] = {
        "sources": {name: _identity(item) for name, item in given.items()},
        "columns": dict(columns),
    }
    parts, dropped = {}, {}
    gathered: dict[str, Gathered] = {}
    roles: dict[str, list[str]] = {}
    for name, item in given.items():
        wanted = _wanted(name, roles) if roles else columns
        table = _folders.read(item.path, wanted, format, header=header)
        if len(table) == 0:
            raise InputError("no rows", expected="rows under the header", where=table.file)
        if not roles:
            # The rows to learn from come first; they say what the columns of all others hold.
            gathered, roles = judge_gathered(table, categorical), dict(table.roles)
        parts[name], dropped[name] = _read_part(
            table, gathered, None if name in (UNLABELLED, REVIEWED) else labels, missing
        )
    decided = parts.pop(REVIEWED, None)
    splits = _divide(parts.pop("source"), split, own_files=set(parts)) | parts
    if decided is not None:
        _join(splits, decided)
    extra = splits.pop(UNLABELLED, None)
    splits = {name: splits[name] for name in SHARES if name in splits}
    classes = _check_classes(splits, roles)
    profile |= {"dropped": dropped} | _profile(splits, classes, gathered)
    if extra is not None:
        splits[UNLABELLED] = extra | {role: [None] * len(extra[ROW_ID]) for role in ANSWERS if role in roles}
        profile["splits"][UNLABELLED] = {"rows": len(extra[ROW_ID])}
        profile["warnings"] += _seen_before_judged(splits)
    types = {role: item.arrow_type() for role, item in gathered.items()}
    tables = {name: _to_arrow(part, types) for name, part in splits.items()}
    return Dataset.write(out, tables, parents=[], labels=classes, profile=profile)


def _identity(source: Source) -> dict[str, str]:
    # A path says nothing on another machine; what was fetched has a name that does.
    return {"digest": source.digest} | ({"reference": source.reference} if source.pins else {})


def _wanted(name: str, roles: Mapping[str, list[str]]) -> Mapping[str, Spec]:
    """The columns that a file beside the first one must have."""
    if name == UNLABELLED:
        return _without_answers(roles)
    if name == REVIEWED:
        # Named by their roles there; the columns of a table by themselves.
        kept = {role: names if role == "features" else role for role, names in roles.items() if role in _REVIEWED_ROLES}
        return kept | {"weight": "weight"}
    return roles


def _join(splits: dict[str, Columns], decided: Columns) -> None:
    """Add rows that people decided to those to learn from."""
    if "train" not in splits:
        raise InputError("there are rows that people decided, and none to learn from", fix="give split: train a share")
    for part in splits.values():
        part.setdefault("weight", [1.0] * len(part[ROW_ID]))
    train = splits["train"]
    lacking = sorted(set(train) - set(decided))
    if lacking:
        raise InputError(f"rows that people decided have no {lacking[0]!r}", fix="leave reviewed: or that role out")
    first = 1 + max(max(part[ROW_ID]) for part in splits.values())
    decided = decided | {ROW_ID: [first + row for row in decided[ROW_ID]]}
    splits["train"] = {role: [*values, *decided[role]] for role, values in train.items()}


def _without_answers(roles: Mapping[str, list[str]]) -> dict[str, list[str]]:
    return {role: names for role, names in roles.items() if role not in ANSWERS}


def _read_part(
    table: Table, gathered: Mapping[str, Gathered], labels: Mapping[str, str] | None, missing: Missing
) -> tuple[Columns, int]:
    """A file's rows by role, and how many were left out."""
    values = convert(table, gathered, labels)
    lacking = missing_rows(table, values, missing)
    kept = [row for row in range(len(table)) if row not in lacking]
    if not kept:
        raise InputError("every row lacks a needed value", fix="fill in the missing cells", where=table.file)
    return {ROW_ID: kept} | {role: [cells[row] for row in kept] for role, cells in values.items()}, len(lacking)


def _divide(rows: Columns, split: Split, own_files: set[str]) -> dict[str, Columns]:
    shares = {name: getattr(split, name) for name in SHARES}
    shares = {name: share for name, share in shares.items() if share > 0 and name not in own_files}
    if not shares:
        raise InputError("split: no share is left for the rows of source", fix="give train a share")
    fractions = [share / sum(shares.values()) for share in shares.values()]
    classes = _numbers(rows, split.by, default="label", option="by")
    groups = _numbers(rows, split.group, default="group", option="group")
    none = np.zeros(len(rows[ROW_ID]), dtype=np.int64)
    if groups is None:
        places = splitting.stratified(none if classes is None else classes, fractions, split.seed)
    else:
        places = splitting.stratified_groups(none if classes is None else classes, groups, fractions, split.seed)
    divided = {name: _take(rows, np.flatnonzero(places == place)) for place, name in enumerate(shares)}
    for name, part in divided.items():
        if not part[ROW_ID]:
            raise InputError(
                f"split: {name} gets none of {len(none)} rows" + ("" if groups is None else " in their groups"),
                expected=f"a row at least for its share of {shares[name]:g}",
                fix=f"give more rows or groups, or set {name}: 0",
            )
    return divided


def _numbers(rows: Columns, role: str | None, *, default: str, option: str) -> splitting.Integers | None:
    """Each row's value of a role as a number from 0; None if the role is not asked for."""
    role = role or (default if default in rows else None)
    if role is None:
        return None
    if role not in rows or role == ROW_ID:
        roles = set(rows) - {ROW_ID}
        raise InputError(
            f"split: {option}: no role {role!r}", expected="a role under columns:", fix=suggestion(role, roles)
        )
    spelled = [str(value) for value in rows[role]]
    order = {value: number for number, value in enumerate(sorted(set(spelled)))}
    return np.array([order[value] for value in spelled], dtype=np.int64)


def _take(rows: Columns, places: Sequence[int] | splitting.Integers) -> Columns:
    return {role: [values[place] for place in places] for role, values in rows.items()}


def _check_classes(splits: Mapping[str, Columns], roles: Mapping[str, list[str]]) -> list[str]:
    if "label" not in roles:
        return []
    column = roles["label"][0]
    first, *others = splits
    classes = set(splits[first]["label"])
    for name in others:
        for row, label in zip(splits[name][ROW_ID], splits[name]["label"], strict=True):
            if label not in classes:
                raise InputError(
                    f"column {column!r} (label), row {row} of {name}: {label!r} never occurs in {first}",
                    expected=f"one of {', '.join(sort_classes(classes)[:20])}",
                    fix="rename it with labels:, leave such rows out, or choose another split: seed",
                )
    if len(classes) == 1:
        raise InputError(
            f"column {column!r} (label) has one class only: {next(iter(classes))!r}",
            expected="two classes or more",
            fix="name the column that holds the classes, or add rows of another class",
        )
    return sort_classes(classes)


def _profile(splits: Mapping[str, Columns], classes: Sequence[str], gathered: Mapping[str, Gathered]) -> dict[str, Any]:
    roles = [role for role in next(iter(splits.values())) if role != ROW_ID]
    keys = {name: _input_keys(part) for name, part in splits.items()}
    repeated, leaked = profiling.count_duplicates(keys)
    merged = {role: [value for part in splits.values() for value in part[role]] for role in roles}
    texts = {role: [value for value in merged[role] if value is not None] for role in set(roles) - NOT_INPUTS}
    profile: dict[str, Any] = {
        "rows": len(merged[roles[0]]),
        "splits": {name: {"rows": len(part[ROW_ID])} for name, part in splits.items()},
        "missing": {role: sum(value is None for value in merged[role]) for role in roles},
        "duplicates": repeated,
        "duplicates_across_splits": leaked,
        "lengths": {
            role: profiling.text_lengths(values) for role, values in texts.items() if isinstance(values[0], str)
        },
    }
    if classes:
        counts = profiling.count_classes({name: part["label"] for name, part in splits.items()}, classes)
        for name, facts in profile["splits"].items():
            facts["classes"] = counts[name]
        everywhere = [key for part in keys.values() for key in part]
        profile["conflicting_labels"] = profiling.count_conflicts(everywhere, merged["label"])
    profile["warnings"] = profiling.warnings(profile, next(iter(splits)))
    for role, item in gathered.items():
        profile[role] = item.profile(merged[role])
        profile["warnings"] += item.warnings(splits, next(iter(splits)), ROW_ID)
    if "id" in merged:
        profile["warnings"] += _repeated_ids(merged["id"])
    return profile


def _seen_before_judged(splits: Mapping[str, Columns]) -> list[str]:
    if "test" not in splits:
        return []
    _, seen = profiling.count_duplicates({name: _input_keys(splits[name]) for name in (UNLABELLED, "test")})
    if not seen["test"]:
        return []
    rows = len(splits["test"][ROW_ID])
    return [
        f"{seen['test']} of {rows} rows in test are in {UNLABELLED} too: a student learns the teacher's answers to them"
    ]


def _input_keys(part: Columns) -> list[Hashable]:
    inputs = [part[role] for role in sorted(set(part) - NOT_INPUTS)]
    return [repr([_key(value) for value in values]) for values in zip(*inputs, strict=True)]


def _key(value: Any) -> Any:
    return hash_bytes(value) if isinstance(value, bytes) else value


def _repeated_ids(ids: Sequence[str | None]) -> list[str]:
    known = [item for item in ids if item is not None]
    seen: set[str] = set()
    repeated = [item for item in known if item in seen or seen.add(item)]  # type: ignore[func-returns-value]
    if not repeated:
        return []
    return [f"{len(repeated)} rows repeat an id, {repeated[0]!r} for one: ids that are not unique cannot name a row"]


def _to_arrow(part: Columns, gathered: Mapping[str, Any]) -> Any:
    import pyarrow as pa

    types = {ROW_ID: pa.int64(), "text": pa.string(), "label": pa.string(), "weight": pa.float64()}
    types |= {"target": pa.float64(), **gathered}
    arrays = {}
    for role, values in part.items():
        try:
            arrays[role] = pa.array(values, type=types.get(role))
        except (pa.ArrowException, OverflowError) as error:
            raise InputError(f"the column of role {role!r} cannot be stored: {error}") from None
    return pa.table(arrays)
