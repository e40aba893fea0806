import os
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import Optional

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS

from ..config import ConfigError
from ..files.data_error import DataError
from ..files.whole_file import write_whole
from .label_propagation import PropagatedLabels, propagate_labels
from .surface_graph import intensity_scale, scaled_intensity
from .unlabelled_codes import MOST_CLASSES, with_propagated

VERSION = b'1'  # of what propagation makes of the same points and labels


@TRANSFORMS.register_module()
class PropagateWeakLabels(BaseTransform):
    """Unlabelled points learn which class the labels of their scan suggest, and how sure that is.

    :class:`WeakLabelDataset` inserts it behind the transform that hides labels; it sees none that training does not
    see. A scan is propagated once: what comes out is kept in a file for each scan and its labels.

    Required keys: ``points``, ``pts_semantic_mask``. Modified key: ``pts_semantic_mask``, see
    :mod:`erda.weak_labels.unlabelled_codes`.

    Args:
        num_classes: K, at most 254.
        cache_dir: folder of these files.
        intensity_dim: column of the points that holds the strength of the echo; ``None`` to do without.

    Raises:
        ValueError: for too many classes; for points without that column.

    Source: see :func:`erda.weak_labels.propagate_labels`
    """

    def __init__(self, num_classes: int, cache_dir: str, intensity_dim: Optional[int] = None) -> None:
        if num_classes > MOST_CLASSES:
            raise ConfigError(f'Labels are propagated for at most {MOST_CLASSES} classes, not {num_classes}')
        self.num_classes = num_classes
        self.cache_dir = Path(cache_dir)
        self.intensity_dim = intensity_dim

    def transform(self, results: dict) -> dict:
        labels = results['pts_semantic_mask']
        found = self.propagated(results['points'].tensor.numpy(), labels)
        results['pts_semantic_mask'] = with_propagated(labels, found.label, found.confidence)
        return results

    def propagated(self, points: np.ndarray, labels: np.ndarray) -> PropagatedLabels:
        """What the labels ``[N]`` of points ``[N, C]`` suggest, from the cache if it has that, without costs."""
        if (self.intensity_dim or 0) >= points.shape[1]:
            raise DataError(f'propagation: intensity_dim={self.intensity_dim} is no column of points that have '
                            f'{points.shape[1]}')
        seen = np.where(labels < 0, -1, labels).astype(np.int64)
        used = [0, 1, 2] if self.intensity_dim is None else [0, 1, 2, self.intensity_dim]
        digest = blake2b(VERSION + bytes([self.num_classes]) + points[:, used].tobytes() + seen.tobytes(),
                         digest_size=16)
        path = self.cache_dir / f'{digest.hexdigest()}.npy'
        try:
            stored = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            stored = None
        if stored is None or stored.dtype != np.uint8 or stored.shape != (2, len(labels)):
            stored = self._propagate(points, seen)
            self._store(path, stored)
        confidence = stored[1] / np.float32(255)
        return PropagatedLabels(stored[0].astype(np.int64) - 1, confidence, np.full(len(labels), np.nan))

    def _propagate(self, points: np.ndarray, labels: np.ndarray) -> np.ndarray:
        intensity = None
        if self.intensity_dim is not None:
            intensity = points[:, self.intensity_dim].astype(np.float64)
            intensity = scaled_intensity(intensity, intensity_scale(intensity))
        found = propagate_labels(points[:, :3].astype(np.float64), labels, self.num_classes, intensity)
        return np.stack([found.label + 1, np.rint(found.confidence * 255)]).astype(np.uint8)

    def _store(self, path: Path, values: np.ndarray) -> None:
        content = BytesIO()
        np.save(content, values)
        try:
            os.makedirs(self.cache_dir, exist_ok=True)
            write_whole(path, content.getvalue())
        except OSError as error:
            raise DataError(f'{self.cache_dir} cannot be written ({error.strerror}), but propagated labels are kept '
                            'there. Name another folder: propagation=dict(cache_dir=...) of the WeakLabelDataset.'
                            ) from error

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(num_classes={self.num_classes}, cache_dir={str(self.cache_dir)!r}, '
                f'intensity_dim={self.intensity_dim})')
