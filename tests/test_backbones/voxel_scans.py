"""Voxels of scans that are small enough for a loop."""
import torch


def voxels_of_scans(counts, extent=16, seed=0):
    """``[N, 4]`` int (scan, x, y, z), as many distinct ones of each scan as ``counts`` says."""
    generator = torch.Generator().manual_seed(seed)
    scans = []
    for scan, count in enumerate(counts):
        cells = torch.randperm(extent**3, generator=generator)[:count]
        xyz = torch.stack([cells // extent**2, cells // extent % extent, cells % extent], 1)
        scans.append(torch.cat([torch.full((count, 1), scan), xyz], 1))
    return torch.cat(scans).int()
