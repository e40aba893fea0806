import torch

from erda.ops.key_pairs import pairs_at_distances


def test_pairs_against_a_loop():
    generator = torch.Generator().manual_seed(0)
    keys = torch.randperm(300, generator=generator)[:120].sort().values
    distances = [-40, -1, 1, 7, 1000]
    for distance, (upper, lower) in zip(distances, pairs_at_distances(keys, distances)):
        expected = [(i, j) for j, low in enumerate(keys.tolist()) for i, high in enumerate(keys.tolist())
                    if high == low + distance]
        assert list(zip(upper.tolist(), lower.tolist())) == expected
