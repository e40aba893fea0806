"""Files of bare float32 numbers, .bin, as KITTI, nuScenes and mmdet3d write them."""
import shutil
from functools import lru_cache
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from .bin_columns import SAMPLE_POINTS, WIDTHS, names_of_columns, plausible_widths
from .cloud_format import (
    AXES,
    PointCloud,
    PointCloudError,
    PointCloudFormat,
    cast_exactly,
    chunk_bounds,
    from_columns,
    next_fields,
)

KITTI_COLUMNS = ('x', 'y', 'z', 'intensity')
LABEL = np.dtype('<u4')
SEMANTIC_BITS = 0xFFFF  # the upper half of a KITTI label is the instance


class Layout(NamedTuple):
    """Names of the columns of a file, and how many points it has."""
    columns: Tuple[str, ...]
    count: int  # type: ignore[assignment]  # hides tuple.count


class BareNumbersFormat(PointCloudFormat):
    """float32 columns. A ``.label`` beside it or in ``../labels`` is the field 'label', without instances.

    A copy writes the new field 'classification' to the ``.label`` file and all others to ``NAME.npz``.

    Args:
        columns: their names; by default found out from the numbers, see :func:`plausible_widths`.
    """

    def __init__(self, columns: Optional[Sequence[str]] = None) -> None:
        self._columns = columns

    def count_points(self, path: Path) -> int:
        return self._layout(path).count

    def field_names(self, path: Path) -> List[str]:
        return list(self._layout(path).columns)

    def assumptions(self, path: Path) -> List[str]:
        columns = self._layout(path).columns
        if self._columns is not None or columns == KITTI_COLUMNS:
            return []
        return [f'it is read as {len(columns)} columns, {", ".join(columns)}: no other number of them makes sense']

    def iter_chunks(self, path: Path, chunk_points: int) -> Iterator[PointCloud]:
        columns, count = self._layout(path)
        if not count:
            return
        points = np.memmap(path, '<f4', mode='r', shape=(count, len(columns)))
        labels = _labels(path, count)
        for chunk in chunk_bounds(count, chunk_points):
            cloud = from_columns(columns, points[chunk].T)
            if labels is not None:
                cloud.fields['label'] = np.asarray(labels[chunk]) & SEMANTIC_BITS
            yield cloud

    def check_copy(self, source: Path, target: Path, fields: Dict[str, np.ndarray]) -> List[str]:
        if 'classification' in fields:
            cast_exactly('classification', fields['classification'], LABEL)
        return []

    def copy(self, source: Path, part: Path, target: Path, new_fields: Iterator[Dict[str, np.ndarray]],
             chunk_points: int) -> List[Path]:
        count = self.count_points(source)
        chunks = [next_fields(new_fields, chunk.stop - chunk.start) for chunk in chunk_bounds(count, chunk_points)]
        fields = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in (chunks[0] if chunks else ())}
        shutil.copyfile(source, part)
        labels = fields.pop('classification', _labels(source, count))
        sides = []
        if labels is not None:
            sides.append(Path(f'{target.with_suffix(".label")}.part'))
            cast_exactly('classification', labels, LABEL).tofile(sides[-1])
        if fields:
            sides.append(Path(f'{target.with_suffix(".npz")}.part'))
            with sides[-1].open('wb') as file:
                np.savez(file, **fields)
        return sides

    def _layout(self, path: Path) -> Layout:
        status = path.stat()
        if self._columns is None:
            label = _label_file(path)
            return _found_layout(path, status.st_size, status.st_mtime_ns,
                                 None if label is None else label.stat().st_size)
        point = 4 * len(self._columns)
        if missing := [axis for axis in AXES if axis not in self._columns]:
            raise PointCloudError(f'its columns are named {", ".join(self._columns)}, without {", ".join(missing)}')
        if status.st_size % point:
            raise PointCloudError(f'{status.st_size} bytes are no whole number of points of {point} bytes (float32 '
                                  f'{", ".join(self._columns)}). The file is truncated, or its columns are others')
        return Layout(tuple(self._columns), status.st_size // point)


@lru_cache(maxsize=4096)  # one file is asked about again and again
def _found_layout(path: Path, size: int, mtime_ns: int, label_size: Optional[int]) -> Layout:
    if size % 4 or not any(size // 4 % width == 0 for width in WIDTHS):
        raise PointCloudError(f'{size} bytes are no whole number of points of {min(WIDTHS)} to {max(WIDTHS)} float32. '
                              'The file is truncated or another kind: copy it again')
    if size == 0:
        return Layout(KITTI_COLUMNS, 0)
    values = np.memmap(path, '<f4', mode='r')
    widths = plausible_widths(values)
    named = {width: names_of_columns(width, values[:SAMPLE_POINTS * width].reshape(-1, width)) for width in widths}
    if label_size is not None and widths:
        widths = [width for width in widths if size // width == label_size]
        if not widths:
            needed = ' or '.join(str(size // width) for width in named)
            raise PointCloudError(f'{_label_file(path)} has {label_size} bytes, but one uint32 for each point would '
                                  f'be {needed}. They do not belong together')
    if len(widths) > 1:
        ways = ' or '.join(f'--columns {",".join(named[width])}' for width in widths)
        numbers = ' or '.join(map(str, widths))
        raise PointCloudError(f'it can have {numbers} columns, and its numbers do not tell which. Give {ways}')
    if not widths:
        raise PointCloudError('its numbers make no sense as float32 points of any number of columns. It is another '
                              'kind of file; if not, name its columns, such as --columns x,y,z,intensity')
    return Layout(tuple(named[widths[0]]), size // 4 // widths[0])


def _label_file(path: Path) -> Optional[Path]:
    name = f'{path.stem}.label'
    places = path.with_name(name), path.parent.parent / 'labels' / name
    return next((label for label in places if label.is_file()), None)


def _labels(path: Path, count: int) -> Optional[np.ndarray]:
    label = _label_file(path)
    if label is None:
        return None
    if label.stat().st_size != 4 * count:
        raise PointCloudError(f'{label} has {label.stat().st_size} bytes, but {count} points need {4 * count} (one '
                              'uint32 a point). They do not belong together')
    return np.memmap(label, LABEL, mode='r')
