"""Counts of the profile, by hand and against brute force."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modelyard.methods import profiling

KEYS = st.lists(st.integers(0, 8), max_size=40)


@given(KEYS, KEYS)
def test_duplicates_against_brute_force(train: list[int], test: list[int]) -> None:
    repeated, leaked = profiling.count_duplicates({"train": train, "test": test})
    rows = train + test
    assert repeated == sum(row in rows[:place] for place, row in enumerate(rows))
    assert leaked == {"test": sum(row in train for row in test)}


def test_conflicts_are_inputs_with_several_labels() -> None:
    assert profiling.count_conflicts(["a", "a", "b", "b", "c"], ["x", "y", "x", "x", "y"]) == 1


def test_lengths_count_characters() -> None:
    assert profiling.text_lengths(["é", "ab", "abc"]) == {"min": 1, "median": 2.0, "p95": 2.9, "max": 3}


def test_clean_data_give_no_warning_and_each_fault_gives_one() -> None:
    clean = {
        "rows": 120,
        "duplicates": 0,
        "duplicates_across_splits": {"test": 0},
        "conflicting_labels": 0,
        "lengths": {"text": {"min": 1, "median": 50.0, "p95": 100.0, "max": 300}},
        "splits": {
            "train": {"rows": 100, "classes": {"a": 50, "b": 50}},
            "test": {"rows": 20, "classes": {"a": 10, "b": 10}},
        },
    }
    assert profiling.warnings(clean, "train") == []
    faults = {
        "duplicates": 3,
        "duplicates_across_splits": {"test": 2},
        "conflicting_labels": 1,
        "lengths": {"text": {"min": 1, "median": 50.0, "p95": 100.0, "max": 30_000}},
        "splits": {
            "train": {"rows": 100, "classes": {"a": 97, "b": 3}},
            "test": {"rows": 20, "classes": {"a": 20, "b": 0}},
        },
    }
    for fault, words in {
        "duplicates": ["3 of 120 rows repeat"],
        "duplicates_across_splits": ["2 of 20 rows in test are in train"],
        "conflicting_labels": ["1 inputs occur with more than one label"],
        "lengths": ["unclosed quote"],
        "splits": ["'b' has only 3 rows in train", "'b' has no row in test"],
    }.items():
        found = profiling.warnings({**clean, fault: faults[fault]}, "train")
        assert len(found) == len(words)
        assert all(any(word in warning for warning in found) for word in words)
