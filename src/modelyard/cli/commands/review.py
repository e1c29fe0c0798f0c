"""``modelyard review``: see the answers that wait for a person, and say what is right."""

from __future__ import annotations

import argparse
import getpass
from typing import TYPE_CHECKING

from modelyard.cli.command import add_json, add_word, note, print_json, say

if TYPE_CHECKING:
    from modelyard.yard.reviews import Review


class ReviewCommand:
    name = "review"
    summary = "list, show, decide and export answers that wait for a person"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        words = parser.add_subparsers(dest="word", metavar="list | show | decide | export", required=True)
        listed = add_word(words, "list", "list reviews, oldest first")
        listed.add_argument("name", nargs="?", metavar="NAME", help="of one release only")
        listed.add_argument("--state", default="waiting", help="waiting, decided or all (waiting)")
        listed.add_argument("--after", type=int, default=0, metavar="ID", help="only those with a higher id")
        listed.add_argument("--limit", type=int, default=20, metavar="N", help="at most so many (20)")
        add_json(listed)
        show = add_word(words, "show", "show one review: the row, the answer, and what became of it")
        show.add_argument("id", type=int, metavar="ID")
        add_json(show)
        decide = add_word(words, "decide", "say what is right; that is final and recorded")
        decide.add_argument("id", type=int, metavar="ID")
        decide.add_argument("answer", metavar="LABEL|NUMBER", help="the right class, or the right number")
        decide.add_argument("--comment", default="", help="why; kept with the review")
        add_json(decide)
        exported = add_word(
            words, "export", "publish what was decided as the dataset NAME-review, for data: in a recipe"
        )
        exported.add_argument("name", metavar="NAME", help="a release in the yard")
        exported.add_argument("--weight", type=float, default=1.0, metavar="W", help="of each decided row (1)")
        exported.add_argument(
            "--feedback-weight",
            type=float,
            default=0.0,
            metavar="W",
            help="of feedback that nobody decided on (0: none)",
        )
        add_json(exported)

    def run(self, arguments: argparse.Namespace) -> int:
        actions = {"list": _list, "show": _show, "decide": _decide, "export": _export}
        return actions[arguments.word](arguments)


def _list(arguments: argparse.Namespace) -> int:
    from modelyard.core.errors import InputError
    from modelyard.yard.yard import Yard

    if not 1 <= arguments.limit <= 10_000:
        raise InputError(f"--limit {arguments.limit}", expected="1 to 10000")
    yard = Yard.default()
    if arguments.name is not None:
        yard.versions(arguments.name)
    state = None if arguments.state == "all" else arguments.state
    found = yard.reviews.find(name=arguments.name, state=state, after=arguments.after, limit=arguments.limit)
    if arguments.json:
        print_json({"reviews": [review.to_json() for review in found]})
        return 0
    for review in found:
        say(f"{review.id:>6}  {_line(review)}")
    if len(found) == arguments.limit:
        note(f"more: --after {found[-1].id}")
    if not found:
        note("nothing to review")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from modelyard.yard.yard import Yard

    return _print(Yard.default().reviews.get(arguments.id), arguments.json)


def _decide(arguments: argparse.Namespace) -> int:
    from modelyard.core.errors import InputError
    from modelyard.yard.yard import Yard

    reviews, user = Yard.default().reviews, getpass.getuser()
    right: str | float = arguments.answer
    if "value" in reviews.get(arguments.id).seen.answer:
        try:
            right = float(arguments.answer)
        except ValueError:
            raise InputError(f"{arguments.answer!a:.80} is no number", expected="the model gives numbers") from None
    decided = reviews.decide(arguments.id, right, user, comment=arguments.comment, actor=user)
    return _print(decided, arguments.json)


def _export(arguments: argparse.Namespace) -> int:
    from modelyard.recipes.review_export import export
    from modelyard.yard.yard import Yard

    made = export(Yard.default(), arguments.name, weight=arguments.weight, feedback_weight=arguments.feedback_weight)
    if arguments.json:
        print_json({"reference": f"yard:{made.reference}", "rows": made.rows, "digest": made.digest})
    else:
        say(f"yard:{made.reference}  {made.rows} rows")
        note(f"in a recipe: data: {{source: {{train: …, reviewed: yard:{made.reference}}}}}")
    return 0


def _print(review: Review, as_json: bool) -> int:
    if as_json:
        print_json(review.to_json())
        return 0
    say(_line(review))
    for name, value in review.seen.inputs.items():
        say(f"{name}: {value!a}")
    if review.decision is not None:
        say(f"decided: {review.decision!a} by {review.decided_by} at {review.decided} {review.comment!a}")
    return 0


def _line(review: Review) -> str:
    answer = review.seen.answer
    said = f"{answer['label']} ({answer['score']:.3f})" if "label" in answer else str(answer.get("value"))
    proposed = f", proposed {review.seen.proposed}" if review.seen.proposed is not None else ""
    claimed = f", claimed by {review.claimed_by}" if review.claimed_by and review.decision is None else ""
    return f"{review.seen.name}:{review.seen.number}  {review.seen.reason}: {said}{proposed}{claimed}"
