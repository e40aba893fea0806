"""A segmentor and its optimiser, on batches that are at hand."""
import time
from contextlib import contextmanager
from typing import Iterator, List, Optional

import torch
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope

from ..config import load_config
from ..heads import classify_points


def copied(batch: dict) -> dict:
    """A batch whose samples a head may change."""
    return dict(batch, data_samples=[sample.clone() for sample in batch['data_samples']])


class Training:
    """A model and its optimiser.

    Args:
        config: file.
        device: where it trains.
        classes: for made batches; replaces the number that the config has, and no voxel is dropped.
        voxel_size: in metres, in the place of the config's.
        half: type of mixed precision, None for single precision.
    """

    def __init__(self, config: str, device: str, classes: Optional[int] = None, voxel_size: Optional[float] = None,
                 half: Optional[torch.dtype] = None) -> None:
        cfg = load_config(config)
        if classes is not None:
            cfg.model.decode_head.update(num_classes=classes, ignore_index=classes)
            cfg.model.data_preprocessor.update(ignore_index=classes, max_voxels=None)
        if voxel_size is not None:
            cfg.model.data_preprocessor.voxel_layer.update(voxel_size=[voxel_size] * 3)
        self.device, self.half = device, half
        init_default_scope('mmdet3d')
        torch.manual_seed(0)
        self.model = MODELS.build(cfg.model).to(device).train()
        head = self.model.decode_head
        if getattr(head, 'awaits_class_weights', False):
            head.set_class_weights([1.0] * head.num_real_classes)  # which weights they are takes no time
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3)

    def loss(self, batch: dict) -> torch.Tensor:
        """Of a batch, which stays as it is."""
        losses = self.model(**self.model.data_preprocessor(copied(batch), True), mode='loss')
        return self.model.parse_losses(losses)[0]

    def step(self, batch: dict) -> float:
        """Seconds of one step, voxelisation included."""
        with timed() as seconds:
            with torch.autocast(self.device.split(':')[0], self.half, enabled=self.half is not None):
                loss = self.loss(batch)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        return seconds[0]

    def predict(self, batch: dict) -> float:
        """Seconds of predicting the points of a batch once, voxelisation included."""
        inputs = batch['inputs']
        with timed() as seconds:
            classify_points(self.model, **inputs)
        return seconds[0]


@contextmanager
def timed() -> Iterator[List[float]]:
    """A list that gets the seconds of what is inside: on the CPU of the processor, into which others do not count."""
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    seconds: List[float] = []
    start = clock()
    yield seconds
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    seconds.append(clock() - start)
