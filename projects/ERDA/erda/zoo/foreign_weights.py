"""What is common to the weights that others publish."""
from typing import Callable, Dict, NamedTuple

from torch import Tensor


class ForeignWeights(NamedTuple):
    """Weights of others under our names.

    Attributes:
        origin: who published them.
        state: weights by the names of a segmentor of ours.
        may_lack: whether a weight of ours may be random when training starts, by its name.
    """
    origin: str
    state: Dict[str, Tensor]
    may_lack: Callable[[str], bool]
