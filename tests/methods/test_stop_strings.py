"""Stop strings: the same cut however the text is sliced, and nothing shown too early."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modelyard.methods.stop_strings import StopStrings


def test_one_that_spans_pieces_is_never_shown() -> None:
    stops = StopStrings(["\nUser:"])
    assert [stops.feed(piece) for piece in ("Hello", "\nUs", "er", ": hi")] == ["Hello", "", "", ""]
    assert stops.stopped
    assert stops.flush() == ""


def test_what_did_not_become_one_is_shown_after_all() -> None:
    stops = StopStrings(["END"])
    assert [stops.feed(piece) for piece in ("E", "N", "ough")] == ["", "", "ENough"]
    assert not stops.stopped


def test_held_text_comes_out_at_the_end() -> None:
    stops = StopStrings(["###"])
    assert stops.feed("a##") == "a"
    assert stops.flush() == "##"


def test_the_earliest_of_several_wins() -> None:
    stops = StopStrings(["later", "now"])
    assert stops.feed("stop now or later") == "stop "


@given(
    pieces=st.lists(st.text("ab", max_size=4), max_size=12),
    stops=st.lists(st.text("ab", min_size=1, max_size=4), max_size=3),
)
def test_text_ends_at_a_stop_string_however_it_is_sliced(pieces: list[str], stops: list[str]) -> None:
    text = "".join(pieces)
    filtered = StopStrings(stops)
    shown = "".join(filtered.feed(piece) for piece in pieces) + filtered.flush()
    # The text up to the stop string that is complete first.
    ends = [text.find(stop) + len(stop) for stop in stops if stop in text]
    if not ends:
        assert shown == text
        assert not filtered.stopped
    else:
        assert filtered.stopped
        assert not any(stop in shown for stop in stops)
        assert text.startswith(shown)
        assert any(text.startswith(stop, len(shown)) for stop in stops)
