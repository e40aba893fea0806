"""Things done one after the other, in a thread of their own."""
import queue
import threading
from typing import Callable

Action = Callable[[], None]


class ActionQueue:
    """A thread that does what it is given, in its order.

    Args:
        fault: called with what an action raises; the next one is done all the same.
    """

    def __init__(self, fault: Callable[[Exception], None]) -> None:
        self._waiting: queue.Queue = queue.Queue()
        self._fault = fault
        threading.Thread(target=self._work, daemon=True).start()

    def put(self, action: Action) -> None:
        """Do this when all that was given before is done."""
        self._waiting.put(action)

    @property
    def is_last(self) -> bool:
        """Whether nothing waits behind what is being done."""
        return self._waiting.empty()

    @property
    def is_idle(self) -> bool:
        """Whether all that was given is done."""
        return not self._waiting.unfinished_tasks

    def _work(self) -> None:
        while True:
            action = self._waiting.get()
            try:
                action()
            except Exception as error:  # the page goes on, whatever went wrong
                self._fault(error)
            finally:
                self._waiting.task_done()
