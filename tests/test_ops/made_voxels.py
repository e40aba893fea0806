import torch

SHAPE = (9, 8, 7)


def voxels(shape=SHAPE, batch_size=2, share=0.2, seed=0):
    """Random voxel rows ``[N, 4]`` in random order."""
    generator = torch.Generator().manual_seed(seed)
    occupied = torch.rand(batch_size, *shape, generator=generator) < share
    indices = occupied.nonzero()
    return indices[torch.randperm(len(indices), generator=generator)].int()
