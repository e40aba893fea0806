from typing import Iterator, Sequence, Tuple

import numpy as np
import torch
from numba import njit
from torch import Tensor


def pairs_at_distances(keys: Tensor, distances: Sequence[int]) -> Iterator[Tuple[Tensor, Tensor]]:
    """For each distance the pairs of a key and one that lies this far above it.

    Args:
        keys: ``[N]`` int64, ascending, each once.
        distances: of either sign, not 0.

    Returns: for each distance ranks ``i`` and ``j`` ``[P]`` int64 with ``keys[i] == keys[j] + distance``, j ascending.

    Examples:
        >>> [pair] = pairs_at_distances(torch.tensor([1, 2, 4]), [-1])
        >>> pair
        (tensor([0]), tensor([1]))
    """
    for distance in distances:
        if keys.device.type == 'cpu':
            yield tuple(map(torch.from_numpy, _walk(keys.numpy(), distance)))  # type: ignore[misc]  # of two
        else:
            position = torch.searchsorted(keys, keys + distance)
            lower = (keys[position.clamp(max=len(keys) - 1)] == keys + distance).nonzero().squeeze(1)
            yield position[lower], lower


@njit
def _walk(keys: np.ndarray, distance: int) -> Tuple[np.ndarray, np.ndarray]:
    """Both ranks only rise, so one walk along the keys finds all pairs."""
    upper, lower = np.empty(len(keys), np.int64), np.empty(len(keys), np.int64)
    found = candidate = 0
    for rank in range(len(keys)):
        wanted = keys[rank] + distance
        while candidate < len(keys) and keys[candidate] < wanted:
            candidate += 1
        if candidate == len(keys):
            break
        if keys[candidate] == wanted:
            upper[found], lower[found] = candidate, rank
            found += 1
    return upper[:found].copy(), lower[:found].copy()
