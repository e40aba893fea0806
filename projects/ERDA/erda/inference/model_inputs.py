"""From the points of any file to what the network of a config takes."""
from abc import ABCMeta, abstractmethod
from pathlib import Path
from typing import Dict, Iterable, List, Mapping, Optional, Sequence

import numpy as np
import torch
from mmdet3d.structures.points import BasePoints, LiDARPoints, get_points_type
from mmengine.config import Config
from mmengine.dataset import Compose
from torch import Tensor

from ..clouds.cloud_files import PointCloud, PointCloudError
from ..clouds.description import Description, read_description
from ..clouds.feature_ranges import FeatureRange, loaded_features
from ..clouds.features import feature_dims, field_name, fields_of_feature, local_points
from ..clouds.folder_dataset import LoadPointCloudBlock, PointCloudFolderDataset
from ..files.data_error import DataError
from .block_prediction import BlockLayout
from .errors import InferenceError

COLOURS = ('red', 'green', 'blue')
# What a test pipeline may hold behind the loading, beside transforms of points.
LABELS_AND_PACKING = ('LoadAnnotations3D', 'PointSegClassMapping', 'Pack3DDetInputs')
POINT_TRANSFORMS = ('NormalizePointsColor', )
MAX_REACH = 10_000.0  # metres from the sensor; map coordinates are larger, and float32 has no centimetres there
UNIT, BYTE = FeatureRange(0, 0, 0.5, 1, 1), FeatureRange(0, 0, 127.5, 255, 255)
WHOLE_SCAN = BlockLayout(block_size=50.0, overlap=10.0, whole=True)


class ModelInputs(metaclass=ABCMeta):
    """What of a file a network needs, and how it takes it.

    Args:
        pipeline: the test pipeline, loading included.

    Attributes:
        layout: how to cut a file.
        classes: K names.
        raw_values: the label value that stands for each class in files.
        usual_ranges: where the values of each feature lie in files of this kind, if that is known.
        description: of the folder that the network was trained on, if it has one.

    Raises:
        InferenceError: if the pipeline changes points in an unknown way.
    """
    layout: BlockLayout
    classes: List[str]
    raw_values: List[int]
    usual_ranges: Mapping[str, FeatureRange] = {}
    description: Optional[Description] = None

    def __init__(self, pipeline: Sequence[dict]) -> None:
        steps = [step for step in pipeline[1:] if step['type'] not in LABELS_AND_PACKING]
        if unknown := [step['type'] for step in steps if step['type'] not in POINT_TRANSFORMS]:
            raise InferenceError(f'the test pipeline of this config has {", ".join(unknown)}, which is not known here. '
                                 'Move it to the training pipeline, or leave it out')
        self._transforms = Compose(steps)

    def points(self, cloud: PointCloud) -> Tensor:
        """``[n, C]`` float32 as after the test pipeline.

        Args:
            cloud: the points of a block, with the fields of :meth:`fields_of` in their order.

        Raises:
            InferenceError: if coordinates or fields have values that cannot be used.
        """
        return self._transforms(dict(points=self._load(cloud)))['points'].tensor

    def features(self, cloud: PointCloud) -> Dict[str, np.ndarray]:
        """A sample of the values of each feature as they are loaded, see :func:`loaded_features`.

        Args:
            cloud: at least one point, with the fields of :meth:`fields_of` in their order.
        """
        return loaded_features(self._load(cloud))

    def begin_file(self, path: Path, columns: Optional[Sequence[str]] = None) -> None:
        """To be called before the points of a file come; for the columns see :func:`count_points`.

        Raises:
            PointCloudError: if it has to be read for that and cannot be.
        """
        return None

    @abstractmethod
    def fields_of(self, names: Iterable[str]) -> List[str]:
        """The fields that are needed, of those that a file has.

        Raises:
            InferenceError: if one is missing.
        """

    @abstractmethod
    def _load(self, cloud: PointCloud) -> BasePoints:
        """What the first transform of the pipeline makes of the points."""


class FolderInputs(ModelInputs):
    """Inputs of configs with a :class:`PointCloudFolderDataset`: what its description says.

    Args:
        dataset: config of the test data.
    """

    def __init__(self, dataset: dict) -> None:
        super().__init__(dataset['pipeline'])
        try:
            root = Path(dataset['data_root'])
            description = read_description(root / dataset.get('ann_file', 'erda.yaml'), root)
        except DataError as error:
            raise InferenceError(str(error).removesuffix('.')) from error
        self.description, self._scale_of = description, description.scale_of
        self._features, self._scale = description.features, description.scale
        self.layout = WHOLE_SCAN
        if description.block_size is not None:
            self.layout = BlockLayout(description.block_size, description.overlap)
        self.classes = list(description.classes)
        try:
            self.raw_values = description.codes()
        except DataError as error:
            raise InferenceError(str(error)) from error

    def begin_file(self, path: Path, columns: Optional[Sequence[str]] = None) -> None:
        self._scale = self._scale_of(path, columns)

    def fields_of(self, names: Iterable[str]) -> List[str]:
        names = list(names)
        try:
            found = [field_name(names, name) for feature in self._features for name in fields_of_feature(feature)]
        except PointCloudError as error:
            raise InferenceError(str(error)) from error
        return list(dict.fromkeys(found))

    def _load(self, cloud: PointCloud) -> BasePoints:
        try:
            points = local_points(cloud, self._features, self._scale).points
        except PointCloudError as error:
            raise InferenceError(str(error)) from error
        return LiDARPoints(points, points.shape[1], feature_dims(self._features))


class ScanInputs(ModelInputs):
    """Inputs of mmdet3d's configs whose test pipeline begins with ``LoadPointsFromFile``.

    ``coord_type='LIDAR'`` is x, y, z and intensity of one scan with the sensor at the origin; integer intensities are
    divided by the largest of their type. ``'DEPTH'`` is a room: its lowest corner becomes the origin, and colours are
    0 to 255, those of 16 bits divided by 257.

    Args:
        dataset: config of the test data.
        class_names: names where the data set's own ``metainfo`` has none.

    Raises:
        InferenceError: if the pipeline loads anything else, or there are no names.
    """

    layout = WHOLE_SCAN  # the coordinates are features, so what fits into memory stays in one piece

    def __init__(self, dataset: dict, class_names: Sequence[str]) -> None:
        super().__init__(dataset['pipeline'])
        load = dataset['pipeline'][0]
        coord_type, with_colour = load['coord_type'], load.get('use_color', False)
        use_dim, load_dim = load.get('use_dim', [0, 1, 2]), load.get('load_dim', 6)
        use_dim = list(range(use_dim)) if isinstance(use_dim, int) else list(use_dim)
        self._is_room = coord_type == 'DEPTH'
        self._features = (COLOURS if with_colour else ('intensity', ))[:len(use_dim) - 3]
        known = load_dim == 4 if coord_type == 'LIDAR' else self._is_room and (with_colour or len(use_dim) == 3)
        if not known or load.get('shift_height') or use_dim != list(range(3 + len(self._features))):
            raise InferenceError(
                f'this config loads points in a way that is not known here: LoadPointsFromFile(coord_type='
                f'{coord_type!r}, load_dim={load_dim}, use_dim={use_dim}). Known are x, y, z, intensity of a LiDAR '
                'scan, x, y, z and colours of a room, and PointCloudFolderDataset')
        if self._features:  # as _as_trained makes them
            self.usual_ranges = {'color': BYTE} if with_colour else {'intensity': UNIT}
        self._points_type = get_points_type(coord_type)
        self._attributes: Optional[Dict[str, List[int]]] = dict(color=[3, 4, 5]) if with_colour else None
        metainfo = dataset.get('metainfo') or {}
        self.classes = list(metainfo.get('classes') or class_names)
        if not self.classes:
            raise InferenceError('this config does not name its classes: give test_dataloader.dataset.metainfo.classes')
        self.raw_values = list(range(len(self.classes)))
        # The last first, so that the lowest of several raw values of a class is left.
        for value, label in sorted((metainfo.get('seg_label_mapping') or {}).items(), reverse=True):
            if label < len(self.classes):
                self.raw_values[label] = int(value)

    def fields_of(self, names: Iterable[str]) -> List[str]:
        names = list(names)
        try:
            return [field_name(names, name) for name in self._features]
        except PointCloudError as error:
            raise InferenceError(str(error)) from error

    def _load(self, cloud: PointCloud) -> BasePoints:
        xyz = cloud.xyz
        if self._is_room:
            xyz = xyz - xyz.min(axis=0)
            xyz += 1e-3 * (xyz.max(axis=0) == 0)  # normalised coordinates divide by the largest
        elif (reach := np.abs(xyz).max()) > MAX_REACH:
            raise InferenceError(f'its coordinates reach {reach:.0f} m, but this network was trained on single scans '
                                 'with the sensor at the origin. Train one on files like this with '
                                 'PointCloudFolderDataset')
        if words := [name for name, values in cloud.fields.items() if values.dtype.kind == 'U']:
            raise InferenceError(f'the field {words[0]!r} has words, not numbers')
        columns = np.column_stack([xyz, *(self._as_trained(values) for values in cloud.fields.values())])
        tensor = torch.from_numpy(columns.astype(np.float32))
        return self._points_type(tensor, points_dim=tensor.shape[1], attribute_dims=self._attributes)

    def _as_trained(self, values: np.ndarray) -> np.ndarray:
        """Colours in 0 to 255, intensities in 0 to 1."""
        if values.dtype.kind not in 'iu' or values.dtype.itemsize > 2:
            return values
        scale = np.iinfo(values.dtype).max
        return values * (255 / scale) if self._is_room else values / scale


def model_inputs(cfg: Config) -> ModelInputs:
    """What the config's test data says about the input of the network.

    Raises:
        InferenceError: if it is not known.
    """
    dataset = cfg.get('test_dataloader', {}).get('dataset', {})
    first = (dataset.get('pipeline') or [{}])[0].get('type')
    if dataset.get('type') == PointCloudFolderDataset.__name__ and first == LoadPointCloudBlock.__name__:
        return FolderInputs(dataset)
    if first == 'LoadPointsFromFile':
        return ScanInputs(dataset, cfg.get('class_names') or ())
    raise InferenceError('this config has no test_dataloader.dataset.pipeline that begins with LoadPointsFromFile, or '
                         'with LoadPointCloudBlock for a PointCloudFolderDataset')
