"""Predictions of a test run in files: ``.label`` files of SemanticKITTI's benchmark, PLY for all other data."""
from pathlib import Path
from typing import Any, Dict, Mapping, Sequence

import numpy as np
from mmdet3d.datasets import Seg3DDataset, SemanticKittiDataset
from mmdet3d.structures import Det3DDataSample
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ..clouds.cloud_format import names_of
from ..clouds.ply import NAMES
from ..files.whole_file import write_whole
from ..weak_labels import is_class, scan_name

# The raw id that the benchmark writes for each of its classes, where several ids stand for one: learning_map_inv of
# https://github.com/PRBonn/semantic-kitti-api/blob/master/config/semantic-kitti.yaml
BENCHMARK_IDS = {10, 11, 15, 18, 20, 30, 31, 32, 40, 44, 48, 49, 50, 51, 70, 71, 72, 80, 81}
NO_CLASS = -1  # in PLY files


class SavePredictions(Hook):
    """Writes the predictions of each scan right after they are made.

    SemanticKITTI's format gives ``sequences/SS/predictions/NNNNNN.label``; other data give PLY files in the place that
    the scan has below its data root, see :func:`write_ply`.

    Args:
        folder: where to write.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def after_test_iter(self,
                        runner: Runner,
                        batch_idx: int,
                        data_batch: Any = None,
                        outputs: Sequence[Det3DDataSample] = ()) -> None:
        dataset: Seg3DDataset = runner.test_dataloader.dataset
        num_classes = len(dataset.metainfo['label2cat'])
        for sample in outputs:
            predicted = sample.pred_pts_seg.pts_semantic_mask.cpu().numpy()
            predicted = np.where(is_class(predicted, num_classes), predicted, NO_CLASS)
            xyz = _coordinates(dataset, sample.sample_idx)
            if len(xyz) != len(predicted):
                raise ValueError(f'{sample.lidar_path} has {len(xyz)} points, but {len(predicted)} predictions: '
                                 'predictions can only be saved if the test pipeline keeps all points')
            name = scan_name(sample.lidar_path, dataset.data_root or '')
            if isinstance(dataset, SemanticKittiDataset):
                ids = raw_ids(dataset.metainfo['seg_label_mapping'], num_classes)
                path, content = self.folder / label_path(name), ids[predicted].tobytes()
            else:
                fields = dict(x=xyz[:, 0], y=xyz[:, 1], z=xyz[:, 2], predicted_class=predicted)
                if 'pts_semantic_mask' in sample.eval_ann_info:
                    truth = sample.eval_ann_info['pts_semantic_mask']
                    fields['true_class'] = np.where(is_class(truth, num_classes), truth, NO_CLASS)
                path = self.folder / f'{name.removesuffix(".bin")}.ply'
                content = ply(fields, dataset.metainfo['classes'])
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, content)


def raw_ids(seg_label_mapping: Mapping[int, int], num_classes: int) -> np.ndarray:
    """``[K + 1]`` little-endian uint32: a raw id for each class, and 0, unlabelled, for what is no class.

    Args:
        seg_label_mapping: class of each raw id. Of several the one that the benchmark writes is taken, else the least.
        num_classes: K.

    Raises:
        ValueError: if a class has no raw id.

    Examples:
        >>> raw_ids({10: 0, 252: 0, 40: 1}, num_classes=2).tolist()  # a car, 10, that moves is 252
        [10, 40, 0]
    """
    ids = []
    for label in range(num_classes):
        known = sorted(raw for raw, mapped in seg_label_mapping.items() if mapped == label)
        if not known:
            raise ValueError(f'seg_label_mapping of the test data has no raw id for class {label}')
        ids.append(next((raw for raw in known if raw in BENCHMARK_IDS), known[0]))
    return np.array([*ids, 0], dtype='<u4')


def label_path(scan: str) -> Path:
    """Where the benchmark looks for the predictions of a scan.

    Examples:
        >>> label_path('sequences/08/velodyne/000000.bin').as_posix()
        'sequences/08/predictions/000000.label'
    """
    path = Path(scan)
    return path.parent.parent / 'predictions' / f'{path.stem}.label'


def ply(fields: Dict[str, np.ndarray], classes: Sequence[str]) -> bytes:
    """A binary PLY file of these fields, ``[N]`` float32 or integers, with the names of the classes in its header."""
    layout = np.dtype([(name, '<f4' if values.dtype.kind == 'f' else '<i4') for name, values in fields.items()])
    header = ['ply', 'format binary_little_endian 1.0']
    header += [f'comment class {number} {name}' for number, name in enumerate(classes)]
    header += [f'comment class {NO_CLASS} is none of them']
    records = np.empty(len(next(iter(fields.values()))), layout)
    for name, values in fields.items():
        records[name] = values
    header.append(f'element vertex {len(records)}')
    header += [f'property {NAMES[layout[name].str[1:]]} {name}' for name in names_of(layout)]
    return '\n'.join([*header, 'end_header\n']).encode() + records.tobytes()


def _coordinates(dataset: Seg3DDataset, idx: int) -> np.ndarray:
    """``[N, 3]`` float32 in metres, as the file has them: what the network gets may be turned and scaled."""
    load_points = dataset.pipeline.transforms[0]
    return load_points(dataset.get_data_info(idx))['points'].tensor[:, :3].numpy()
