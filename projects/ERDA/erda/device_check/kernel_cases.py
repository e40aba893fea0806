"""Small inputs for each portable kernel, by the functions and layers that segmentors call it through."""
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

import numpy as np
import torch
from mmcv import ops
from torch import Tensor, nn

from ..ops.unique_coors import unique_coors

B, N, M, C, K = 2, 500, 60, 6, 8  # clouds, points, centres, channels, neighbours
SHAPE = [12, 11, 10]


class KernelCase(NamedTuple):
    """A call of a kernel.

    Attributes:
        name: of the function or layers.
        inputs: on the CPU; those in floating point get gradients.
        call: tensors from inputs on any device, and from ``layers`` if there are any.
        layers: whose parameters get gradients.
    """
    name: str
    inputs: Sequence[Tensor]
    call: Callable[..., Sequence[Tensor]]
    layers: Optional[nn.ModuleList] = None


def kernel_cases() -> List[KernelCase]:
    """One for each; random numbers of a seed, without points that are equally far."""
    torch.manual_seed(0)
    return [*point_cases(), *voxel_cases(), *sparse_cases()]


def point_cases() -> List[KernelCase]:
    xyz = torch.rand(B, N, 3)
    centers, features = xyz[:, :M].contiguous(), torch.rand(B, C, N)
    rows, groups = torch.randint(N, (B, M)).int(), torch.randint(N, (B, M, K)).int()
    nearest, weights = torch.randint(M, (B, N, 3)).int(), torch.rand(B, N, 3)
    scores, of_kernel = torch.rand(B, M, K, 4), torch.rand(B, N, 4, 5)
    return [
        KernelCase('ball query', [xyz, centers], lambda x, y: [ops.ball_query(0, 0.3, K, x, y)]),
        KernelCase('furthest point sampling', [xyz], lambda x: [ops.furthest_point_sample(x, M)]),
        KernelCase('furthest point sampling by distances', [torch.cdist(xyz, xyz)],
                   lambda x: [ops.furthest_point_sample_with_dist(x, M)]),
        KernelCase('nearest neighbours', [xyz, centers], lambda x, y: [ops.knn(K, x, y)]),
        KernelCase('gather points', [features, rows], lambda x, i: [ops.gather_points(x, i)]),
        KernelCase('group points', [features, groups], lambda x, i: [ops.grouping_operation(x, i)]),
        KernelCase('three nearest', [xyz, centers], lambda x, y: [*ops.three_nn(x.detach(), y.detach())]),
        KernelCase('three interpolate', [features[..., :M].contiguous(), nearest, weights],
                   lambda x, i, w: [ops.three_interpolate(x, i, w.detach())]),
        KernelCase('assign score', [scores, of_kernel, of_kernel.flip(1), groups.long()],
                   lambda s, p, c, i: [ops.assign_score_withk(s, p, c[:, :N], i, 'sum')]),
    ]


def voxel_cases() -> List[KernelCase]:
    points = torch.rand(3 * N, 4) * torch.tensor([4.0, 4.0, 2.0, 1.0])
    coors = torch.randint(5, (3 * N, 4)).int()
    box = [0.0, 0.0, 0.0, 4.0, 4.0, 2.0]
    return [
        KernelCase('voxelization, dynamic', [points],
                   lambda x: [ops.voxelization(x.detach(), [0.5] * 3, box, -1, -1)]),
        KernelCase('voxelization, hard', [points],
                   lambda x: [*ops.voxelization(x.detach(), [0.5] * 3, box, 5, 200, True)]),
        *(KernelCase(f'scatter to voxels, {kind}', [torch.rand(3 * N, C), coors[:, 1:].contiguous()],
                     lambda x, i, kind=kind: [*ops.dynamic_scatter(x, i, kind)]) for kind in ('max', 'mean')),
        KernelCase('unique coordinates', [coors], lambda x: [*unique_coors(x)]),
    ]


def sparse_cases() -> List[KernelCase]:
    """Rows between two layers may come in any order; behind the inverse convolution they are those of the input."""
    indices = (torch.rand(2, *SHAPE) < 0.2).nonzero().int()
    features = torch.randn(len(indices), 4)
    cases = []
    for name, module in sparse_modules().items():
        layers = nn.ModuleList([module.SubMConv3d(4, 8, 3, indice_key='a'),
                                module.SparseConv3d(8, 8, 2, 2, indice_key='b'),
                                module.SparseInverseConv3d(8, 4, 2, indice_key='b')])
        pool = module.SparseMaxPool3d(2, 2)

        def run(x: Tensor, i: Tensor, layers: nn.ModuleList, module=module) -> List[Tensor]:
            tensor = module.SparseConvTensor(x, i, SHAPE, 2)
            for layer in layers:
                tensor = layer(tensor)
            return [tensor.features]

        def run_pool(x: Tensor, i: Tensor, module=module, pool=pool) -> List[Tensor]:
            out = pool(module.SparseConvTensor(x, i, SHAPE, 2))
            order = np.lexsort(out.indices.cpu().numpy().T[::-1])
            return [out.features[torch.from_numpy(order).to(x.device)]]

        cases += [KernelCase(f'{name}: convolutions', [features, indices], run, layers),
                  KernelCase(f'{name}: max pooling', [features, indices], run_pool)]
    return cases


def sparse_modules() -> Dict[str, Any]:
    """mmcv's sparse convolution and, where it is installed, spconv's."""
    modules: Dict[str, Any] = {'sparse convolution of mmcv': ops}
    try:
        import spconv.pytorch as spconv
        modules['spconv'] = spconv
    except ImportError:
        pass
    return modules
