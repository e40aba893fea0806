from mmengine.dist import all_reduce
from torch import Tensor


def points_per_rank(count: Tensor) -> Tensor:
    """Mean of a count over ranks, never 0: what each rank divides its sum by.

    Gradients are averaged over ranks, so this makes them those of one process on the joint batch, however the points
    are spread.

    Args:
        count: scalar.

    Returns: scalar float.
    """
    count = count.float()
    all_reduce(count, op='mean')
    return count.clamp(min=1e-3)
