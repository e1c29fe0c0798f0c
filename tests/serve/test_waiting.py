from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from modelyard.serve.waiting import Caller, Waiting


@dataclass(eq=False)
class Item:
    caller: Caller
    cost: float = 1.0
    due: float = 0.0


def drain(waiting: Waiting[Item]) -> list[Item]:
    order = []
    while front := waiting.front(1):
        waiting.take(front[0])
        order.append(front[0])
    return order


def test_one_caller_is_served_in_the_order_of_arrival() -> None:
    waiting: Waiting[Item] = Waiting()
    items = [Item(Caller("a"), cost) for cost in (1, 5, 1, 0, 3)]
    for item in items:
        waiting.add(item)
    assert drain(waiting) == items
    assert len(waiting) == 0


def test_a_caller_that_sends_much_delays_itself_and_nobody_else() -> None:
    waiting: Waiting[Item] = Waiting()
    flood = [Item(Caller("flood")) for _ in range(1000)]
    for item in flood:
        waiting.add(item)
    for item in waiting.front(10):
        waiting.take(item)
    late = Item(Caller("quiet"))
    waiting.add(late)
    assert late in waiting.front(2)


def test_callers_that_both_have_enough_share_the_work_by_weight() -> None:
    waiting: Waiting[Item] = Waiting()
    heavy, light, small = Caller("heavy"), Caller("light", 4.0), Caller("small")
    for caller, cost, count in ((heavy, 4.0, 100), (light, 1.0, 800), (small, 1.0, 400)):
        for _ in range(count):
            waiting.add(Item(caller, cost))
    served = drain(waiting)[:300]
    spent = {caller: sum(item.cost for item in served if item.caller == caller) for caller in (heavy, light, small)}
    assert abs(spent[heavy] - spent[small]) <= 5
    assert abs(spent[light] - 4 * spent[small]) <= 10


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([0.25, 1.0, 4.0]), st.floats(0, 5)), max_size=60),
    st.randoms(use_true_random=False),
)
def test_nothing_starves_gets_lost_or_comes_twice(arrivals: list[tuple[str, float, float]], random: object) -> None:
    waiting: Waiting[Item] = Waiting()
    taken: list[Item] = []
    items = [Item(Caller(name, weight), cost) for name, weight, cost in arrivals]
    for item in items:
        waiting.add(item)
        if random.random() < 0.4:  # type: ignore[attr-defined]
            front = waiting.front(4)
            assert [other.due for other in front] == sorted(other.due for other in front)
            for other in front[: random.randint(1, 4)]:  # type: ignore[attr-defined]
                waiting.take(other)
                taken.append(other)
    taken += drain(waiting)
    assert len(taken) == len(items)
    assert set(taken) == set(items)
    for caller in {item.caller for item in items}:
        own = [item for item in items if item.caller == caller]
        assert [item for item in taken if item.caller == caller] == own


def test_however_many_others_keep_coming_a_batch_row_has_its_turn() -> None:
    waiting: Waiting[Item] = Waiting()
    patient = Item(Caller("a", 0.25))
    urgent = Caller("b", 4.0)
    for _ in range(50):
        waiting.add(Item(urgent))
    waiting.add(patient)
    for _ in range(60):
        (first,) = waiting.front(1)
        waiting.take(first)
        waiting.add(Item(urgent))
    assert waiting.rows_of("a") == 0


def test_the_work_before_a_row_counts_what_is_due_sooner() -> None:
    waiting: Waiting[Item] = Waiting()
    for _ in range(100):
        waiting.add(Item(Caller("flood")))
    assert waiting.cost_before(Caller("flood")) == 100
    assert waiting.cost_before(Caller("new")) == 0
    for _ in range(10):
        waiting.add(Item(Caller("new")))
    assert waiting.cost_before(Caller("new")) == 20
    assert waiting.rows_of("flood") == 100


def test_what_is_withdrawn_is_not_waited_for() -> None:
    waiting: Waiting[Item] = Waiting()
    first, second = Item(Caller("a")), Item(Caller("a"))
    waiting.add(first)
    waiting.add(second)
    waiting.remove(first)
    waiting.remove(first)
    assert waiting.front(5) == [second]
    assert waiting.cost_before(Caller("a")) == 1


def test_callers_that_went_away_are_forgotten_while_others_wait() -> None:
    waiting: Waiting[Item] = Waiting()
    for _ in range(3000):
        waiting.add(Item(Caller("flood")))
    for number in range(2000):
        waiting.add(Item(Caller(str(number))))
        for item in waiting.front(2):
            waiting.take(item)
    assert len(waiting._flows) < 200
