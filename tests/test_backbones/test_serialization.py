import pytest
import torch

from erda.backbones.serialization import ORDERS, hilbert_codes, serialization_codes, z_order_codes
from erda.files.data_error import DataError


def cube(depth):
    return torch.cartesian_prod(*[torch.arange(2**depth)] * 3)


def random_coors(num, bits, seed=0):
    return torch.randint(2**bits, (num, 3), generator=torch.Generator().manual_seed(seed))


def slow_z_order(coors):
    codes = []
    for voxel in coors.tolist():
        digits = ''.join(f'{axis:021b}'[bit] for bit in range(21) for axis in voxel)
        codes.append(int(digits, 2))
    return codes


def slow_hilbert(coors, depth):
    """Walks down the octree with the transform from the cell's frame to that of the grid."""
    codes = []
    for voxel in coors.tolist():
        digits = [[int(digit) for digit in f'{axis:0{depth}b}'] for axis in voxel]
        for bit in range(depth):
            for axis in range(3):
                for lower in range(bit + 1, depth):
                    if digits[axis][bit]:
                        digits[0][lower] = 1 - digits[0][lower]
                    else:
                        digits[0][lower], digits[axis][lower] = digits[axis][lower], digits[0][lower]
        parity, position = 0, ''
        for bit in range(depth):
            for axis in range(3):
                parity ^= digits[axis][bit]
                position += str(parity)
        codes.append(int(position, 2))
    return codes


@pytest.mark.parametrize('bits', [1, 5, 13, 21])
def test_against_slow_references(bits):
    coors = random_coors(50, bits)
    assert z_order_codes(coors).tolist() == slow_z_order(coors)
    assert hilbert_codes(coors, torch.tensor(bits)).tolist() == slow_hilbert(coors, bits)


def test_codes_of_the_published_weights():
    coors = torch.tensor([[3, 1, 4], [15, 9, 2], [6, 5, 3], [5, 8, 9], [7, 9, 3], [2, 3, 8], [31, 0, 17]])
    assert hilbert_codes(coors, torch.tensor(5)).tolist() == [200, 1252, 400, 3302, 1013, 3875, 28670]
    assert hilbert_codes(coors, torch.tensor(7)).tolist() == [490, 2134, 166, 1504, 2021, 531, 8782]


@pytest.mark.parametrize('depth', [1, 2, 3, 4])
def test_hilbert_curve_visits_each_voxel_once_and_steps_across_faces(depth):
    coors = cube(depth)
    codes = hilbert_codes(coors, torch.tensor(depth))
    assert sorted(codes.tolist()) == list(range(8**depth))
    assert (coors[codes.argsort()].diff(dim=0).abs().sum(1) == 1).all()


def test_the_code_of_a_larger_voxel_is_the_front_of_that_of_its_parts():
    coors = random_coors(500, 9)
    assert torch.equal(z_order_codes(coors) >> 3, z_order_codes(coors >> 1))
    assert torch.equal(hilbert_codes(coors, torch.tensor(9)) >> 3, hilbert_codes(coors >> 1, torch.tensor(8)))


def test_orders_of_a_batch():
    scans = [random_coors(40, 4, seed=1), random_coors(30, 7, seed=2)]
    batch = torch.cat([torch.cat([torch.full((len(scan), 1), i), scan], 1) for i, scan in enumerate(scans)])
    codes = serialization_codes(batch)
    assert len(codes) == len(ORDERS) and torch.equal(codes >> 21, batch[:, 0].expand(4, -1))
    for i, scan in enumerate(scans):
        own = codes[:, batch[:, 0] == i] & 2**21 - 1
        swapped, depth = scan[:, [1, 0, 2]], torch.tensor((4, 7)[i])
        assert own.tolist() == [z_order_codes(scan).tolist(), z_order_codes(swapped).tolist(),
                                hilbert_codes(scan, depth).tolist(), hilbert_codes(swapped, depth).tolist()]


def test_bits_are_left_for_coarser_levels():
    codes = serialization_codes(torch.tensor([[0, 0, 0, 0], [1, 0, 0, 0]]), min_depth=4)
    assert codes.tolist() == [[0, 8**4]] * 4


def test_a_grid_beyond_64_bits_is_refused():
    serialization_codes(torch.tensor([[0, 2**21 - 1, 0, 0]]))
    for voxel in ([1, 2**21 - 1, 0, 0], [0, 2**21, 0, 0]):
        with pytest.raises(DataError, match='take larger voxels'):
            serialization_codes(torch.tensor([voxel]))
