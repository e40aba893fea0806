"""nuScenes-lidarseg as an mmdet3d data set, which mmdet3d 1.4.0 has no class for."""
from typing import Any, Optional

import numpy as np
from mmdet3d.datasets import Seg3DDataset
from mmdet3d.registry import DATASETS

# Raw label ids are positions here. Names are those of category.json, the second is the class of the lidarseg
# challenge. Source: https://www.nuscenes.org/nuscenes#lidarseg
RAW_CLASSES = (
    ('noise', None), ('animal', None), ('human.pedestrian.adult', 'pedestrian'),
    ('human.pedestrian.child', 'pedestrian'), ('human.pedestrian.construction_worker', 'pedestrian'),
    ('human.pedestrian.personal_mobility', None), ('human.pedestrian.police_officer', 'pedestrian'),
    ('human.pedestrian.stroller', None), ('human.pedestrian.wheelchair', None), ('movable_object.barrier', 'barrier'),
    ('movable_object.debris', None), ('movable_object.pushable_pullable', None),
    ('movable_object.trafficcone', 'traffic_cone'), ('static_object.bicycle_rack', None),
    ('vehicle.bicycle', 'bicycle'), ('vehicle.bus.bendy', 'bus'), ('vehicle.bus.rigid', 'bus'),
    ('vehicle.car', 'car'), ('vehicle.construction', 'construction_vehicle'), ('vehicle.emergency.ambulance', None),
    ('vehicle.emergency.police', None), ('vehicle.motorcycle', 'motorcycle'), ('vehicle.trailer', 'trailer'),
    ('vehicle.truck', 'truck'), ('flat.driveable_surface', 'driveable_surface'), ('flat.other', 'other_flat'),
    ('flat.sidewalk', 'sidewalk'), ('flat.terrain', 'terrain'), ('static.manmade', 'manmade'),
    ('static.other', None), ('static.vegetation', 'vegetation'), ('vehicle.ego', None))


@DATASETS.register_module()
class NuScenesSegDataset(Seg3DDataset):
    """Key frames of nuScenes with the 16 classes of the lidarseg challenge; all else is ``ignore_index``, 16.

    Its pipelines need ``LoadAnnotations3D(with_seg_3d=True, seg_3d_dtype='np.uint8')`` and ``PointSegClassMapping``.
    """
    METAINFO = {
        'classes': ('barrier', 'bicycle', 'bus', 'car', 'construction_vehicle', 'motorcycle', 'pedestrian',
                    'traffic_cone', 'trailer', 'truck', 'driveable_surface', 'other_flat', 'sidewalk', 'terrain',
                    'manmade', 'vegetation'),
        'palette': [[112, 128, 144], [220, 20, 60], [255, 127, 80], [255, 158, 0], [233, 150, 70], [255, 61, 99],
                    [0, 0, 230], [47, 79, 79], [255, 140, 0], [255, 99, 71], [0, 207, 191], [175, 0, 75],
                    [75, 0, 75], [112, 180, 60], [222, 184, 135], [0, 175, 0]],
        'seg_valid_class_ids': tuple(range(16)),
        'seg_all_class_ids': tuple(range(16)),
    }

    def __init__(self, *args: Any, metainfo: Optional[dict] = None, **kwargs: Any) -> None:
        super().__init__(*args, metainfo=metainfo or dict(classes=self.METAINFO['classes']), **kwargs)

    def get_seg_label_mapping(self, metainfo: dict) -> np.ndarray:
        """Class ``[32]`` int64 of each raw label id; several ids share a class, which the base class cannot say."""
        classes = list(metainfo['classes'])
        return np.array([classes.index(name) if name in classes else self.ignore_index for _, name in RAW_CLASSES])
