"""One column of a dataset by its name, be it a role of its own or one of the features. Knows no method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from modelyard.core.dataset import ROW_ID, Dataset
from modelyard.core.errors import InputError, suggestion
from modelyard.formats.table_model import ROLE

if TYPE_CHECKING:
    import pyarrow as pa

FEATURES = ROLE
Kind = Literal["number", "text", "other"]
ANSWERS = ("label", "target")
"""Roles that hold what is to be predicted."""
LEARNED_FROM = (ROW_ID, *ANSWERS, "weight", "group")
"""Roles that training rests on."""


@dataclass(frozen=True)
class Column:
    """Where a column lies and what it holds."""

    name: str
    kind: Kind
    feature: bool

    def values(self, table: pa.Table) -> list[Any]:
        """The column's values in the order of the rows, None where there is none."""
        if not self.feature:
            return list(table.column(self.name).to_pylist())
        import pyarrow.compute as pc

        features = table.column(FEATURES)
        place = [field.name for field in features.type].index(self.name)
        return list(pc.struct_field(features, [place]).to_pylist())

    def replace(self, table: pa.Table, values: pa.Array) -> pa.Table:
        """The table with other values, perhaps of another type, in this column."""
        import pyarrow as pa

        if not self.feature:
            return put(table, self.name, values)
        features = table.column(FEATURES).combine_chunks()
        fields = {field.name: features.field(field.name) for field in features.type} | {self.name: values}
        # from_arrays takes no gaps of whole rows; a row without features has none in any column.
        made = pa.StructArray.from_arrays(list(fields.values()), names=list(fields))
        return put(table, FEATURES, made)

    def check_plain(self, step: str) -> None:
        """See that it holds text or numbers.

        Args:
            step: who asks, for the error.

        Raises:
            InputError: it holds something else.
        """
        if self.kind == "other":
            raise InputError(f"{step}: {self.name!r} holds neither text nor numbers")


def put(table: pa.Table, name: str, values: Any) -> pa.Table:
    """The table with these values in a column: in its place, or behind the others where it is new."""
    if name in table.column_names:
        return table.set_column(table.column_names.index(name), name, values)
    return table.append_column(name, values)


def columns(data: Dataset) -> dict[str, Column]:
    """Every column but the row's number, roles first; a role hides a feature of its name."""
    schema = data.schema
    own = [field for field in schema if field.name not in (ROW_ID, FEATURES)]
    features = list(schema.field(FEATURES).type) if FEATURES in schema.names else []
    found = {field.name: Column(field.name, _kind(field.type), True) for field in features}
    return found | {field.name: Column(field.name, _kind(field.type), False) for field in own}


def column(data: Dataset, name: str, step: str) -> Column:
    """The column of that name.

    Args:
        step: who asks, for the error.

    Raises:
        InputError: there is none.
    """
    known = columns(data)
    if name not in known:
        raise InputError(f"{step}: the data have no column {name!r}", fix=suggestion(name, known))
    return known[name]


def changeable(data: Dataset, name: str, step: str) -> Column:
    """The column of that name, which is none that training rests on.

    Raises:
        InputError: there is none, or a model learns from it.
    """
    if name in LEARNED_FROM:
        raise InputError(f"{step}: {name!r} is what the model learns from", expected="a feature or another column")
    return column(data, name, step)


def _kind(kind: pa.DataType) -> Kind:
    import pyarrow as pa

    if pa.types.is_string(kind):
        return "text"
    return "number" if pa.types.is_floating(kind) or pa.types.is_integer(kind) else "other"
