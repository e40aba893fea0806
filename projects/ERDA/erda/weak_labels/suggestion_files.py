"""Suggested points as files: rounds of tables to fill in, and clouds to look at."""
import csv
import os
import re
from itertools import repeat
from pathlib import Path
from typing import List, Optional, Sequence

import numpy as np

from .point_suggestion import Candidates, neighbourhoods

COLOUR = (255, 0, 255)  # hardly ever the colour of a scanned thing
CLOUD_SUFFIX = '.suggested.ply'
ROUND = re.compile(r'round_(\d+)\.csv')


def round_tables(folder: Path) -> List[Path]:
    """The tables of the rounds in a folder, the first one first."""
    found = {int(match.group(1)): path for path in folder.glob('*.csv') if (match := ROUND.fullmatch(path.name))}
    return [found[number] for number in sorted(found)]


def next_round(folder: Path) -> Path:
    """The table that comes behind those of a folder."""
    last = next((ROUND.fullmatch(path.name) for path in reversed(round_tables(folder))), None)
    return folder / f'round_{int(last.group(1)) + 1 if last else 1}.csv'


def in_order(points: Candidates) -> Candidates:
    """Points in the order of the tables."""
    return points.take(neighbourhoods(points)[0])


def write_suggestions(path: Path,
                      points: Candidates,
                      files: Sequence[str],
                      classes: Optional[Sequence[str]] = None,
                      allowed: str = '') -> List[Path]:
    """Write a CSV of all points, which :func:`erda.clouds.click_files.read_clicks` reads once the classes are filled
    in, and a PLY of each file's points, which CloudCompare opens beside the cloud.

    The PLY has the running number, the point's number in its file and a Classification of NaN for CloudCompare to fill.

    Args:
        path: the table to write, from :func:`next_round`.
        points: the suggestions, from :func:`in_order`.
        files: name of each file, with forward slashes.
        classes: class of each point, empty where there is none; left for a person to fill in if ``None``.
        allowed: the classes to choose from, as text.

    Returns: the files written, the CSV first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    written, number = [path], np.arange(1, len(points.index) + 1)
    group = neighbourhoods(points)[1] + 1
    part = path.with_name(f'{path.name}.part')
    with open(part, 'w', encoding='utf-8', newline='') as file:
        table = csv.writer(file)
        table.writerow(['number', 'group', 'class', 'file', 'index', 'x', 'y', 'z', 'allowed_classes'])
        for row, name in zip(range(len(number)), classes or repeat('')):
            table.writerow([number[row], group[row], name, files[points.file[row]], points.index[row],
                            *(f'{value:.6f}' for value in points.xyz[row]), allowed])
    os.replace(part, path)
    for of_file in np.unique(points.file):
        rows = points.file == of_file
        cloud = path.with_name(f'{path.stem}_{files[of_file].replace("/", "_")}{CLOUD_SUFFIX}')
        _write_ply(cloud, points.xyz[rows], points.index[rows], number[rows], group[rows])
        written.append(cloud)
    return written


def _write_ply(path: Path, xyz: np.ndarray, index: np.ndarray, number: np.ndarray, group: np.ndarray) -> None:
    vertices = np.zeros(len(xyz), dtype=[('xyz', '<f8', 3), ('rgb', 'u1', 3), ('index', '<i4'), ('number', '<i4'),
                                         ('group', '<i4'), ('class', '<f4')])
    vertices['xyz'], vertices['rgb'], vertices['index'] = xyz, COLOUR, index
    vertices['number'], vertices['group'], vertices['class'] = number, group, np.nan
    properties = [*(f'double {name}' for name in 'xyz'), *(f'uchar {name}' for name in ('red', 'green', 'blue')),
                  *(f'int scalar_{name}' for name in ('index', 'number', 'group')), 'float scalar_Classification']
    header = ['ply', 'format binary_little_endian 1.0', f'element vertex {len(xyz)}',
              *(f'property {name}' for name in properties), 'end_header', '']
    part = path.with_suffix('.part')
    part.write_bytes('\n'.join(header).encode() + vertices.tobytes())
    os.replace(part, path)
