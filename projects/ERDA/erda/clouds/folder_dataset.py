"""A folder of point cloud files, described by a small YAML file, as an mmdet3d data set."""
from pathlib import Path
from typing import Dict, List, Mapping, NamedTuple, Optional

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.datasets import Seg3DDataset
from mmdet3d.registry import DATASETS, TRANSFORMS
from mmdet3d.structures.points import LiDARPoints

from ..files.data_error import DataError
from ..weak_labels import UNLABELED, WholeFile
from .blocks import BlockCache, BlockRecords
from .clicks import ClickedPoints, clicked_points, numbered_points, read_folder_clicks
from .cloud_files import PointCloud, PointCloudError, count_points, iter_point_cloud, read_point_cloud
from .description import CACHE, DESCRIPTION, Description, read_description
from .features import feature_dims, field_name, fields_of_feature, local_points


class BlockSource(NamedTuple):
    """Where a sample comes from and what is to be made of it.

    Attributes:
        path: file.
        description: of its folder.
        cache: blocks of the file; ``None`` for the whole file.
        key: name of the block.
        clicks: the only labels to be seen, if there are clicks.
        core_only: whether points that are in the core of another block are void, so that each is evaluated once.
        scale: what the features are divided by.
    """
    path: Path
    description: Description
    cache: Optional[BlockCache] = None
    key: str = ''
    clicks: Optional[ClickedPoints] = None
    core_only: bool = False
    scale: Mapping[str, float] = {}


@DATASETS.register_module()
class PointCloudFolderDataset(Seg3DDataset):
    """Files of a split of ``erda.yaml``, whole or cut into blocks, which are cached in ``DATA_ROOT/.erda_cache``.

    A sample's ``lidar_path`` is the file's path, followed by ``#COLUMN_ROW`` for a block. Its pipeline begins with
    ``LoadPointCloudBlock`` and ``PointSegClassMapping``. Void is K. With clicks, training sees them and no other label,
    and so does validation if there is no label field. In test mode unlabelled points are void, as are those of a
    block's margin, so that every point is evaluated once.

    Args:
        data_root: folder of the files.
        ann_file: the description in it, or an absolute path. What it names is below ``data_root`` all the same.
        split: ``'train'``, ``'val'`` or ``'test'``.
        test_mode: as in every data set of mmdet3d.
        cache_dir: another place for the blocks, for a ``data_root`` that cannot be written.
        kwargs: arguments of ``Seg3DDataset``, such as ``pipeline``.

    Raises:
        DataError: for a description, file or clicks that cannot be used, or a split without any label.
    """
    METAINFO: dict = {'classes': None, 'palette': None}

    def __init__(self,
                 data_root: str,
                 ann_file: str = DESCRIPTION,
                 split: str = 'train',
                 test_mode: bool = False,
                 cache_dir: Optional[str] = None,
                 **kwargs) -> None:
        self.split = split
        self.test_mode = test_mode  # the base class asks for the label mapping before it sets this
        self.description = read_description(Path(data_root) / ann_file, Path(data_root))
        self.cache_dir = Path(cache_dir or self.description.root / CACHE)
        classes = list(self.description.classes)
        super().__init__(
            data_root=data_root,
            ann_file=ann_file,
            # Features travel with a checkpoint, so that prediction needs no description.
            metainfo=dict(classes=classes, palette=self.description.colours,
                          features=list(self.description.features), feature_scale=self.description.scale),
            data_prefix=dict(pts=''),
            ignore_index=len(classes),
            test_mode=test_mode,
            **kwargs)

    def get_label_mapping(self, new_classes: List[str]) -> tuple:
        """Nothing to map between lists of classes: the description has the only one."""
        labels = range(len(new_classes))
        return {label: label for label in labels}, dict(enumerate(new_classes)), tuple(labels)

    def get_seg_label_mapping(self, metainfo: dict) -> np.ndarray:
        """``[K + 2]`` int64: K classes, void and unlabelled, as :meth:`Description.class_of_value` numbers them."""
        void = len(metainfo['classes'])
        return np.array([*range(void), void, void if self.test_mode else UNLABELED])

    def load_data_list(self) -> List[dict]:
        """One record per file or block; cuts files into blocks where the cache lacks them."""
        description, sources = self.description, []
        files = description.files(self.split)
        caches = {file: self._cache(file) for file in files}
        clicks = self._clicks(caches)
        for file, cache in caches.items():
            of_file = None if clicks is None else clicks[file]
            path = description.root / file
            source = BlockSource(path, description, cache, '', of_file, self.test_mode, description.scale_of(path))
            sources += [source._replace(key=key) for key in cache.counts] if cache else [source]
        return [self._record(source) for source in sources]

    def _record(self, source: BlockSource) -> dict:
        record = dict(lidar_path=f'{source.path}#{source.key}' if source.cache else str(source.path),
                      point_cloud=source, seg_label_mapping=self.seg_label_mapping)
        if self.test_mode and self.load_eval_anns:
            record['eval_ann_info'] = {}
        return record

    def _cache(self, file: str) -> Optional[BlockCache]:
        path, description = self.description.root / file, self.description
        if description.block_size is None:
            count_points(path, description.columns)
            return None
        fields = [name for feature in description.features for name in fields_of_feature(feature)]
        if description.label_field:
            fields.append(description.label_field)
        try:
            cache = BlockCache(path, self.cache_dir, description.block_size, description.overlap, fields,
                               description.label_field, description.columns)
        except PermissionError as error:
            raise DataError(f'{self.cache_dir} cannot be written, but blocks are kept there ({error.strerror}). Name '
                            'another folder with cache_dir=... of the data set.') from error
        if description.label_field:
            class_ids(np.array(list(cache.label_counts)), description, path)
        return cache

    def _clicks(self, caches: Dict[str, Optional[BlockCache]]) -> Optional[Dict[str, ClickedPoints]]:
        description = self.description
        if not description.clicks or (self.test_mode and description.label_field):
            return None
        points = {
            file: numbered_points(description.root / file, description.columns) if cache is None else
            ((block.index, block.cloud.xyz) for block in map(cache.read, cache.counts))
            for file, cache in caches.items()
        }
        return clicked_points(description, read_folder_clicks(description), points, not self.test_mode)


@TRANSFORMS.register_module()
class LoadPointCloudBlock(BaseTransform):
    """Loads a sample of :class:`PointCloudFolderDataset`.

    Required keys: ``point_cloud``, ``lidar_path``. Added keys: ``points``, ``LiDARPoints [N, 3 + C]``: metres from a
    local origin, then the features; ``pts_semantic_mask [N]`` int64: a class, K for void, K + 1 for unlabelled, which
    ``PointSegClassMapping`` turns into the labels of all data sets here; ``whole_file``, a
    :class:`erda.weak_labels.WholeFile`, of a block.
    """

    def transform(self, results: dict) -> dict:
        source: BlockSource = results['point_cloud']
        description = source.description
        block = _read(source)
        try:
            local = local_points(block.cloud, description.features, source.scale)
        except PointCloudError as error:
            raise PointCloudError(f'{source.path}: {error}.') from error
        dims = feature_dims(description.features)
        results['points'] = LiDARPoints(local.points, local.points.shape[1], dims)
        results['num_pts_feats'] = local.points.shape[1]
        results['pts_semantic_mask'] = _labels(source, block)
        if source.cache is not None:
            results['whole_file'] = WholeFile(str(source.path), block.index, lambda: (
                chunk.xyz for chunk in iter_point_cloud(source.path, columns=description.columns)))
        if 'eval_ann_info' in results:
            results['eval_ann_info']['pts_semantic_mask'] = results['pts_semantic_mask']
        return results


def class_ids(values: np.ndarray, description: Description, path: Path) -> np.ndarray:
    """Class ``[N]`` int64 of raw label values, numbers or words; K for void, K + 1 for unlabelled, NaN and ''.

    Raises:
        DataError: for a value that the description does not list.
    """
    words, unlabelled = values.dtype.kind == 'U', len(description.classes) + 1
    known = {value: label for value, label in description.class_of_value().items() if isinstance(value, str) == words}
    strange = values != '' if words else ~np.isnan(values)
    classes = np.full(len(values), unlabelled)
    if known:
        listed = np.array(sorted(known))
        place = np.minimum(np.searchsorted(listed, values), len(listed) - 1)
        found = strange & (listed[place] == values)
        classes[found] = np.array([known[value] for value in listed.tolist()])[place[found]]
        strange = strange & ~found
    if strange.any():
        raise DataError(f'{path}: label value {np.unique(values[strange])[0]} of {description.label_field} is not in '
                        f'{DESCRIPTION}. Add it to a class, to unlabelled or to void.')
    return classes


def labels_of_cloud(cloud: PointCloud, description: Description, path: Path) -> np.ndarray:
    """What :func:`class_ids` makes of the label field of a cloud that was read from this file.

    Raises:
        PointCloudError: if the cloud has no such field.
        DataError: for a value that the description does not list.
    """
    assert description.label_field is not None  # the caller has looked
    try:
        values = cloud.fields[field_name(cloud.fields, description.label_field)]
    except PointCloudError as error:
        raise PointCloudError(f'{path}: {error}.') from error
    return class_ids(values, description, path)


def _read(source: BlockSource) -> BlockRecords:
    if source.cache is not None:
        return source.cache.read(source.key)
    cloud = read_point_cloud(source.path, source.description.columns)
    return BlockRecords(cloud, np.arange(len(cloud.xyz)), np.ones(len(cloud.xyz), dtype=bool))


def _labels(source: BlockSource, block: BlockRecords) -> np.ndarray:
    description, cloud = source.description, block.cloud
    void = len(description.classes)
    labels = np.full(len(cloud.xyz), void + 1)
    if description.label_field:
        labels = labels_of_cloud(cloud, description, source.path)
    if source.clicks is not None:
        labels = np.where(labels == void, void, source.clicks.labels_of(block.index, np.full(len(labels), void + 1)))
    return np.where(block.core, labels, void) if source.core_only else labels
