import numpy as np
from matplotlib.image import imread

from erda.evaluation.scan_picture import LabelledScan, save_scan_picture


def test_picture_shows_the_labels(tmp_path):
    """A labelled corner is drawn in its class's colour, an unlabelled one in grey."""
    points = np.array([[-20, 20, 0.], [20, 20, 0]]).repeat(50, axis=0) + np.random.default_rng(0).normal(0, 1, (100, 3))
    labels = np.array([1, -1]).repeat(50)
    path = tmp_path / 'a' / 'picture.png'
    panel = LabelledScan('few', points, labels, emphasis=True)
    save_scan_picture(path, [panel], ['a', 'b'], [[255, 0, 0], [0, 255, 0]])
    image = imread(path)[:, :, :3]
    left, right = np.array_split(image[:image.shape[0] * 7 // 8], 2, axis=1)
    green = [((part[..., 1] > 0.9) & (part[..., 0] < 0.2)).sum() for part in (left, right)]
    assert green[0] > 100 and green[1] == 0
    assert [p.name for p in path.parent.iterdir()] == ['picture.png']
