import numpy as np
import pytest

from erda.weak_labels import BUDGETS, UNLABELED, Scan, scan_rng

K, VOID = 5, 19


@pytest.fixture
def scribbled(tmp_path):
    """A scan of six points, and a function that writes its scribbles."""
    (tmp_path / 'velodyne').mkdir()
    mapping = np.full(50, VOID)
    mapping[[10, 40]] = 0, 1

    def write(raw_ids, folder='scribbles'):
        (tmp_path / folder).mkdir()
        np.asarray(raw_ids, dtype=np.uint32).tofile(tmp_path / folder / '000000.label')
        return Scan(str(tmp_path / 'velodyne/000000.bin'), scan_rng('a', 0), mapping)

    return write


def test_scribbles(scribbled):
    """What the scribble says counts, also where the full label differs; instance ids do not."""
    scan = scribbled([0, 10 | 7 << 16, 40, 0, 10, 1])
    weak = BUDGETS.build(dict(type='ScribbleBudget')).weaken(np.array([0, 0, 1, VOID, 1, 1]), K, scan)
    assert weak.tolist() == [UNLABELED, 0, 1, VOID, 0, VOID]


@pytest.mark.parametrize('raw_ids, folder, message', [
    ([0, 10], 'scribbles', '2 labels, but .* has 3 points'),
    ([0, 10, 900], 'scribbles', 'label id 900'),
    ([0, 10, 40], 'elsewhere', 'does not exist'),
])
def test_bad_scribbles(scribbled, raw_ids, folder, message):
    scan = scribbled(raw_ids, folder)
    with pytest.raises(ValueError, match=rf'scribbles/000000\.label.*{message}'):
        BUDGETS.build(dict(type='ScribbleBudget')).weaken(np.array([0, 0, 1]), K, scan)
