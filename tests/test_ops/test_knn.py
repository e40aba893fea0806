import heapq

import numpy as np
import pytest
import torch
from lattice_points import lattice, squares


def heap_of_mmcv(k, points, center):
    """mmcv's CUDA kernel for one center: a heap with the farthest on top, then heap sort."""
    heap = [(1e10, 0)] * k

    def sink(size):
        parent = 0
        while (child := 2 * parent + 1) < size:
            if child + 1 < size and heap[child + 1][0] > heap[child][0]:
                child += 1
            if heap[parent][0] > heap[child][0]:
                return
            heap[parent], heap[child] = heap[child], heap[parent]
            parent = child

    for row, d in enumerate(squares(center, points)):
        if d < heap[0][0]:
            heap[0] = (d, row)
            sink(k)
    for size in range(k - 1, 0, -1):
        heap[0], heap[size] = heap[size], heap[0]
        sink(size)
    return [row for _, row in heap]


def first_of_equals(k, points, center):
    return [row for _, row in heapq.nsmallest(k, zip(squares(center, points), range(len(points))))]


@pytest.mark.parametrize('k', [1, 2, 7, 32, 99])
def test_equals_a_loop_with_ties(point_ops, loop, k):
    xyz = lattice()
    centers = xyz[:, ::9] + np.float32(0.5)
    found = point_ops.knn(k, torch.from_numpy(xyz), torch.from_numpy(centers)).transpose(1, 2)
    assert found.dtype == torch.int32
    reference = heap_of_mmcv if loop == 'numba' else first_of_equals
    assert found.tolist() == [[reference(k, xyz[b], center) for center in centers[b]] for b in range(2)]


def test_random_points(point_ops, loop):
    torch.manual_seed(0)
    xyz, centers = torch.randn(3, 101, 3), torch.randn(3, 17, 3, requires_grad=True)
    expected = torch.cdist(centers.double(), xyz.double()).argsort(-1)[..., :9]
    found = point_ops.knn(9, xyz, centers)
    assert found.transpose(1, 2).equal(expected.int())
    assert not found.requires_grad


def test_nearest_is_itself(point_ops, loop):
    xyz = torch.randn(2, 50, 3)
    assert point_ops.knn(4, xyz)[:, 0].tolist() == [list(range(50))] * 2


def test_transposed(point_ops, loop):
    xyz, centers = torch.randn(2, 30, 3), torch.randn(2, 5, 3)
    found = point_ops.knn(4, xyz.transpose(1, 2), centers.transpose(1, 2), True)
    assert found.equal(point_ops.knn(4, xyz, centers))


def test_in_chunks(point_ops, loop, monkeypatch):
    xyz = torch.from_numpy(lattice())
    expected = point_ops.knn(5, xyz)
    monkeypatch.setattr('erda.ops.squared_distance.PAIRS_PER_CHUNK', 1000)
    assert point_ops.knn(5, xyz).equal(expected)


def test_fewer_points_than_neighbours(point_ops, loop):
    xyz = torch.tensor([[[0., 0, 0], [1, 0, 0], [2e5, 0, 0]]])
    assert point_ops.knn(4, xyz, xyz[:, 1:2]).flatten().tolist() == [1, 0, 0, 0]
    assert point_ops.knn(2, xyz[:, :1]).flatten().tolist() == [0, 0]
    assert point_ops.knn(2, xyz, xyz[:, :0]).shape == (1, 2, 0)


def test_features_are_read_as_packed_coordinates(point_ops, loop):
    """As in mmcv's kernel, which DGCNN hands more than three channels."""
    features = torch.randn(2, 40, 8)
    packed = features.flatten()[:2 * 40 * 3].view(2, 40, 3)
    assert point_ops.knn(5, features, features).equal(point_ops.knn(5, packed, packed))
    with pytest.raises(ValueError, match='kNN needs three coordinates per point, 2 given'):
        point_ops.knn(5, features[..., :2])


@pytest.mark.parametrize('k', [0, 100])
def test_wrong_k(point_ops, k):
    with pytest.raises(ValueError, match=f'not {k}'):
        point_ops.knn(k, torch.randn(1, 200, 3))
