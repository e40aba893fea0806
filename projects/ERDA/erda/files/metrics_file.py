"""The metrics of a test run as JSON."""
import json
from pathlib import Path
from typing import Any, Dict, List

from mmengine.dist import master_only

from .whole_file import write_whole


@master_only
def write_metrics(path: Path, metrics: Dict[str, float], config: str, checkpoint: str, **details: Any) -> None:
    """Write ``{"config", "checkpoint", "metrics", ...}``; NaN, a class that neither occurs nor is predicted, as null.

    Args:
        path: where to write; complete or not at all.
        metrics: IoU per class name, ``miou``, ``acc``, ``acc_cls``, in 0 to 1, as ``Runner.test`` returns them.
        config: config file.
        checkpoint: checkpoint file.
        details: what else to write, plain values without NaN.
    """
    rounded = {key: None if value != value else round(float(value), 6) for key, value in metrics.items()}
    content = dict(config=config, checkpoint=checkpoint, metrics=rounded, **details)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, (json.dumps(content, indent=2, allow_nan=False) + '\n').encode())


def read_metrics(path: Path) -> Dict[str, float]:
    """The ``metrics`` of a file written by :func:`write_metrics`, with NaN for null."""
    metrics = json.loads(path.read_text())['metrics']
    return {key: float('nan') if value is None else value for key, value in metrics.items()}


def read_confusion(path: Path) -> List[List[int]]:
    """The confusion matrix that ``tools/test.py`` adds to the metrics; empty if there is none."""
    return json.loads(path.read_text()).get('confusion', [])


def read_your_clouds(path: Path) -> List[List[int]]:
    """The same on the hidden labels of the training scans; empty if there is none."""
    return (json.loads(path.read_text()).get('your_clouds') or {}).get('confusion', [])
