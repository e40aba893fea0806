"""What is common to the weights that others publish."""
from typing import Dict, NamedTuple, Tuple

from torch import Tensor


class ForeignWeights(NamedTuple):
    """Weights of others under our names.

    Attributes:
        origin: who published them.
        state: weights by the names of a segmentor of ours.
        may_lack: what the names of weights begin with that may be random when training starts.
    """
    origin: str
    state: Dict[str, Tensor]
    may_lack: Tuple[str, ...] = ()
