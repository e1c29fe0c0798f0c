"""k-anonymity and l-diversity: the textbook table, and what generalising promises, whatever the table."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.methods import anonymity
from modelyard.methods.anonymity import Value
from modelyard.methods.generalising import band, beginning

# Machanavajjhala et al. 2007, figure 2: 4-anonymous, yet all of the third group have cancer.
POSTCODES = ["130**"] * 4 + ["1485*"] * 4 + ["130** "] * 4
AGES = ["<30"] * 4 + [">=40"] * 4 + ["3*"] * 4
ILLNESS = ["heart", "heart", "viral", "viral", "cancer", "heart", "viral", "viral", *["cancer"] * 4]


def test_the_textbook_table() -> None:
    found = anonymity.groups([POSTCODES, AGES], ILLNESS)
    assert [group.rows for group in found] == [4, 4, 4]
    assert [group.diversity for group in found] == [1, 2, 3]
    assert anonymity.groups([POSTCODES, ["x", *AGES[1:]]])[0] == anonymity.Group(("130**", "x"), 1, None)


def test_generalising_until_k() -> None:
    ages: list[Value] = [21, 22, 29, 31, 33, 38, 61]
    found = anonymity.generalise({"age": ages}, 3, most_left_over=0.15)
    assert found is not None
    assert found.masks["age"].width == 10
    assert found.left_over == (6,)
    assert anonymity.generalise({"age": [1, 1, 2, 2]}, 2) == anonymity.Generalisation({}, ())
    assert anonymity.generalise({"age": [1, 2, 3]}, 4) is None


ROWS = st.lists(
    st.tuples(st.floats(0, 100, width=32), st.text("abc", min_size=1, max_size=3), st.sampled_from("xyz")),
    min_size=8,
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.integers(2, 4), st.integers(1, 2))
def test_what_is_promised_holds(rows: list[tuple[float, str, str]], k: int, diversity: int) -> None:
    numbers, texts, secret = (list(column) for column in zip(*rows, strict=True))
    columns: dict[str, list[Value]] = {"number": list(numbers), "text": list(texts)}
    found = anonymity.generalise(columns, k, sensitive=secret, diversity=diversity, most_left_over=0.2)
    if found is None:
        # Not even all rows in one group suffice.
        assert len(set(secret)) < diversity
        return
    assert len(found.left_over) <= 0.2 * len(rows)
    kept = [row for row in range(len(rows)) if row not in found.left_over]
    width, text = found.masks.get("number"), found.masks.get("text")
    coarse: list[list[Value]] = [
        [band(numbers[row], width.width or 1) if width else numbers[row] for row in kept],
        [beginning(texts[row], text.keep) if text else texts[row] for row in kept],
    ]
    for group in anonymity.groups(coarse, [secret[row] for row in kept]):
        assert group.rows >= k
        assert (group.diversity or 0) >= diversity
