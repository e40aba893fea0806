import numpy as np
import pytest

from erda.inference.class_codes import output_codes, write_legend
from erda.inference.errors import InferenceError

laspy = pytest.importorskip('laspy')
CLASSES = ['roof', 'ground', 'sign']


def las(path, point_format):
    cloud = laspy.create(point_format=point_format)
    cloud.xyz = np.random.default_rng(0).uniform(0, 9, (30, 3))
    cloud.write(path)
    return path


@pytest.mark.parametrize('formats, codes, written', [
    ([6, 7, 8, 10], [64, 2, 65], [64, 2, 65]), ([6, 3], [64, 2, 65], [13, 2, 14]), ([0], [64, 2, 13], [14, 2, 13]),
    ([5], [7, 2, 31], [7, 2, 31])])
def test_codes_fit_into_every_file(tmp_path, formats, codes, written):
    paths = [las(tmp_path / f'{number}.las', number) for number in formats]
    (tmp_path / 'broken.las').write_bytes(b'LASF')
    np.save(tmp_path / 'a.npy', np.zeros((3, 3)))
    assert output_codes(CLASSES, codes, [tmp_path / 'broken.las', tmp_path / 'a.npy', *paths]) == written


def test_a_file_that_cannot_be_read_is_left_to_its_turn(tmp_path, monkeypatch):
    def fail(path, chunk_points):
        raise KeyError(path)

    monkeypatch.setattr('erda.inference.class_codes.iter_point_cloud', fail)
    assert output_codes(CLASSES, [64, 2, 65], [las(tmp_path / 'a.las', 3)]) == [64, 2, 65]


def test_legend(tmp_path):
    path = write_legend(tmp_path / 'out', CLASSES, [64, 2, 65], False)
    assert path.name == 'classes.csv' and path.read_text() == 'code,class\n2,ground\n64,roof\n65,sign\n'
    write_legend(tmp_path / 'out', CLASSES, [64, 2, 65], False)
    with pytest.raises(InferenceError, match='classes.csv gives other codes to the classes. Choose another folder'):
        write_legend(tmp_path / 'out', CLASSES, [64, 2, 66], False)
    write_legend(tmp_path / 'out', CLASSES, [64, 2, 66], True)
    assert '66,sign' in path.read_text()
