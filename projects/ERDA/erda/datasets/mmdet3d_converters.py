"""Drives the indoor converters of the installed mmdet3d, so that what they write is what its datasets read."""
import importlib.util
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import List, NamedTuple, Sequence, Type

import mmdet3d
import mmengine
import numpy as np

from ..files.data_error import DataError
from ..files.progress import track

DATA_FOLDERS = ('points', 'instance_mask', 'semantic_mask', 'seg_info')


class Split(NamedTuple):
    """The scenes of one info file, in its order. Unlabelled scenes get no masks."""
    name: str
    scenes: List[str]
    labelled: bool = True


class IndoorConverter(NamedTuple):
    """What mmdet3d's converter of one data set is made of, and the folders that it reads below the data root."""
    dataset: str
    inputs: Sequence[str]
    data: Type
    seg_data: Type
    num_points: int  # of one training sample: rooms with more points are listed more often


def s3dis_converter() -> IndoorConverter:
    """mmdet3d's converter of S3DIS. Raises what :func:`load_converter` raises."""
    module = load_converter('s3dis_data_utils')
    inputs = ('Stanford3dDataset_v1.2_Aligned_Version', 's3dis_data')
    return IndoorConverter('s3dis', inputs, module.S3DISData, module.S3DISSegData, num_points=4096)


def scannet_converter() -> IndoorConverter:
    """mmdet3d's converter of ScanNet. Raises what :func:`load_converter` raises."""
    module = load_converter('scannet_data_utils')
    inputs = ('meta_data', 'scannet_instance_data')
    return IndoorConverter('scannet', inputs, module.ScanNetData, module.ScanNetSegData, num_points=8192)


def write_indoor_infos(root: Path, converter: IndoorConverter, splits: Sequence[Split]) -> None:
    """Turn the ``.npy`` files of every scene into ``points``, masks, ``seg_info`` and info files below ``root``.

    mmdet3d's converter writes in place, so it works in a temporary folder and whole files are moved from there; the
    info files come last.

    Raises:
        DataError: if mmdet3d's converter refuses the files, or mmdet3d is installed without converters.
    """
    update_pkl_infos = load_converter('update_infos_to_v2').update_pkl_infos
    with TemporaryDirectory(prefix='.part-', dir=root) as folder:
        part = Path(folder)
        for name in converter.inputs:
            (part / name).symlink_to((root / name).resolve())
        for name in ('old_infos', 'infos', *DATA_FOLDERS):
            (part / name).mkdir()
        for split in splits:
            name = f'{converter.dataset}_infos_{split.name}.pkl'
            old = part / 'old_infos' / name  # update_pkl_infos sleeps for 5 seconds before it writes where it reads
            mmengine.dump(_convert(part, converter, split), old)
            if split.labelled:
                converter.seg_data(str(part), str(old), split.name, converter.num_points).get_seg_infos()
            update_pkl_infos(converter.dataset, out_dir=str(part / 'infos'), pkl_path=str(old))
        for name in DATA_FOLDERS:
            (root / name).mkdir(exist_ok=True)
            _move_files(part / name, root / name)
        _move_files(part / 'infos', root)


def load_converter(name: str) -> ModuleType:
    """A module of mmdet3d's ``tools/dataset_converters``. Its wheel has them as data: no import name leads there."""
    path = Path(mmdet3d.__file__).parent / '.mim/tools/dataset_converters' / f'{name}.py'
    if not path.is_file():
        raise DataError(f'{path} is missing: this mmdet3d came without its converters. Install mmdet3d 1.4.0 again.')
    spec = importlib.util.spec_from_file_location(f'mmdet3d_{name}', path)
    assert spec is not None and spec.loader is not None  # the name ends in .py
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    vars(module)['print'] = lambda *args: None  # one line for each scene would tear the progress bar
    return module


def save_array(path: Path, array: np.ndarray) -> None:
    """Write a ``.npy`` file that has its name only when it is complete."""
    part = path.with_suffix('.part.npy')
    np.save(part, array)
    os.replace(part, path)


def _convert(part: Path, converter: IndoorConverter, split: Split) -> List[dict]:
    data = converter.data(str(part), split.name)
    infos = []
    for scene in track(split.scenes, description=f'Writing {split.name}'):
        try:  # naming the scene fixes the order, which the converter takes from the file system
            infos += data.get_infos(num_workers=1, has_label=split.labelled, sample_id_list=[scene])
        except (ValueError, AssertionError, EOFError) as error:
            raise DataError(f'{split.name}, {scene}: mmdet3d cannot use the converted files ({error!r}). Delete those '
                            f'of this scene in {(part / converter.inputs[-1]).resolve()} and start again.') from error
    return infos


def _move_files(source: Path, target: Path) -> None:
    for path in source.iterdir():
        os.replace(path, target / path.name)
