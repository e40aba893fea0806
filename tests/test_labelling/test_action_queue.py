import threading

from erda.labelling.action_queue import ActionQueue


def test_actions_are_done_in_their_order_whatever_they_raise():
    done, faults, go_on = [], [], threading.Event()
    actions = ActionQueue(faults.append)
    actions.put(lambda: go_on.wait(30))
    for number in range(5):
        actions.put(lambda number=number: done.append(number) if number != 2 else 1 / 0)
    ends = []
    actions.put(lambda: ends.append((actions.is_last, actions.is_idle)))
    assert not actions.is_idle and not done
    go_on.set()
    actions._waiting.join()
    assert done == [0, 1, 3, 4] and isinstance(faults[0], ZeroDivisionError) and len(faults) == 1
    assert ends == [(True, False)] and actions.is_idle
