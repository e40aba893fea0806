"""The squared distance of two points, rounded as mmcv's CUDA kernels round it.

nvcc fuses the sum of three squares into ``fma(dz, dz, fma(dx, dx, dy * dy))``. Neighbours whose distances differ in the
last bit, and with them all later furthest points, come out as on CUDA only if it is rounded like that here too.
"""
from typing import Any, Iterator, Tuple

import numpy as np
import torch
from numba import njit, types
from numba.extending import intrinsic
from torch import Tensor

PAIRS_PER_CHUNK = 2**22  # Distances held at once away from the CPU: 32 MB for each of a few temporaries.


@intrinsic
def _fma(typing_context: Any, x: Any, y: Any, z: Any) -> Any:
    if not isinstance(x, types.Float):
        return None

    def codegen(context, builder, signature, args):
        return builder.fma(*args)

    return x(x, x, x), codegen


@njit
def squared_distance(dx: float, dy: float, dz: float) -> float:
    """The squared length of (dx, dy, dz), for use in compiled loops."""
    return _fma(dz, dz, _fma(dx, dx, dy * dy))  # type: ignore[call-arg]  # numba gives the first one


@njit
def squared_distances_to(center: np.ndarray, points: np.ndarray, squares: np.ndarray) -> None:
    """From a center ``[3]`` to points ``[3, N]``, into ``squares [N]``: with the axes apart the loop is vectorised."""
    for row in range(points.shape[1]):
        squares[row] = squared_distance(center[0] - points[0, row], center[1] - points[1, row],
                                        center[2] - points[2, row])


def squared_distances(centers: Tensor, xyz: Tensor) -> Tensor:
    """Squared distances ``[B, M, N]`` from centers ``[B, M, 3]`` to points ``[B, N, 3]``, in plain PyTorch."""
    dtype = xyz.dtype
    dx, dy, dz = ((centers[:, :, None, axis] - xyz[:, None, :, axis]).double() for axis in range(3))
    # A product of two float32 is exact in float64: adding there and rounding once is what a fused operation does.
    square = (dy * dy).to(dtype).double().add_(dx * dx).to(dtype)
    return square.double().add_(dz * dz).to(dtype)


def squared_distance_chunks(centers: Tensor, xyz: Tensor) -> Iterator[Tuple[slice, Tensor]]:
    """Slices of the centers, each with its :func:`squared_distances` to all points."""
    rows = max(1, PAIRS_PER_CHUNK // max(1, xyz.shape[0] * xyz.shape[1]))
    for start in range(0, centers.shape[1], rows):
        chunk = slice(start, start + rows)
        yield chunk, squared_distances(centers[:, chunk], xyz)


def takes_compiled_loop(points: Tensor) -> bool:
    """Whether kernels loop over these points in numba; on other devices than the CPU they run in plain PyTorch."""
    return points.is_cpu


def as_xyz(points: Tensor) -> Tensor:
    """``[B, N, 3]`` coordinates, contiguous, in single precision unless they are in double."""
    if points.dim() != 3 or points.shape[2] != 3:
        raise ValueError(f'coordinates [B, N, 3] expected, {list(points.shape)} given')
    points = points.detach().contiguous()
    return points if points.dtype == torch.float64 else points.float()
