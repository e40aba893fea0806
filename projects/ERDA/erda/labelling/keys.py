"""Which key does what; each class has one."""
from typing import List, Optional

NEXT, PREVIOUS, UNDO, REDO, FREE, REMOVE, CANNOT_TELL_KEY, VOID_KEY, SPREAD = 'NPURFXCVL'
OF_CLASSES = [*'1234567890', *(letter for letter in 'ABDEGHIJKMOQSTWYZ')]


def class_keys(count: int) -> List[Optional[str]]:
    """A key for each of K classes, digits first; ``None`` when they are used up.

    Examples:
        >>> class_keys(12)[8:]
        ['9', '0', 'A', 'B']
    """
    return [OF_CLASSES[number] if number < len(OF_CLASSES) else None for number in range(count)]
