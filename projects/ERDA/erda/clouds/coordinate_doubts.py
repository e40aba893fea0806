"""Coordinates that a network of metres and voxels cannot make much of."""
from typing import List

import numpy as np

from .inspection import FileReport, FolderReport

LARGEST_STEP = 0.05  # metres between neighbouring float32 numbers that does no harm
DEGREES = (180, 90)
STEEPER_THAN_LAND = 20  # height over width, both as they are written


def coordinate_doubts(report: FolderReport, spacing: float, voxel_size: float, config: str) -> List[str]:
    """One sentence for each doubt.

    Args:
        report: of the folder.
        spacing: typical distance between its points.
        voxel_size: what the config in ``config`` gets.
    """
    doubts = []
    if files := [file.name for file in report.files if _in_degrees(file)]:
        doubts.append(f'{_some(files)}: x and y look like degrees, but all sizes here are metres. Project the files to '
                      'metres first, such as UTM.')
    steps = {file.name: _step(file) for file in report.files if file.is_float32}
    if files := [name for name, step in steps.items() if step >= LARGEST_STEP]:
        doubts.append(f'{_some(files)}: the coordinates are float32 numbers, whose steps are {max(steps.values()):g} m '
                      'so far from the origin. Export them again with double precision or less an offset.')
    if voxel_size < spacing:
        doubts.append(f'Voxels of {voxel_size:g} m are smaller than the distance between points, about {spacing:.2g} '
                      f'm, so most points see no neighbour. Write a larger voxel_size in {config}.')
    return doubts


def _in_degrees(file: FileReport) -> bool:
    *sides, height = file.high - file.low
    reach = np.maximum(np.abs(file.low), np.abs(file.high))[:2]
    return bool((reach <= DEGREES).all() and 0 < max(sides) < 1 and height > STEEPER_THAN_LAND * max(sides))


def _step(file: FileReport) -> float:
    """Distance between the largest coordinate and the next float32 number."""
    return float(np.spacing(np.float32(max(np.abs(file.low[:2]).max(), np.abs(file.high[:2]).max()))))


def _some(names: List[str]) -> str:
    return ', '.join(names[:3]) + (', ...' if len(names) > 3 else '')
