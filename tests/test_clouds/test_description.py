"""What a description says of files that it does not lie beside, and of scales that files have of their own."""
import laspy
import numpy as np
import pytest
import yaml
from test_clouds.described_folders import write_las

from erda.clouds.description import read_description
from erda.files.data_error import DataError

CONTENT = dict(classes=dict(ground=[2], building=[6]), label_field='classification', features=['xyz', 'intensity'],
               scale=dict(intensity='of each file'), splits=dict(train=['*.laz']))


@pytest.fixture()
def described(tmp_path):
    (tmp_path / 'configs').mkdir()

    def describe(**changes):
        path = tmp_path / 'configs/tiles.yaml'
        path.write_text(yaml.safe_dump({**CONTENT, **changes}))
        return read_description(path, tmp_path / 'tiles')
    return describe


@pytest.mark.parametrize('largest', [1000, 60000])
def test_a_feature_is_divided_by_what_99_percent_of_the_file_are_below(described, tmp_path, largest):
    write_las(tmp_path / 'tiles/a.laz', intensity=largest)
    scale = described().scale_of(tmp_path / 'tiles/a.laz')
    values = np.asarray(laspy.read(tmp_path / 'tiles/a.laz').intensity)
    assert scale == {'intensity': pytest.approx(np.percentile(values, 99))}


def test_a_file_without_intensities_is_divided_by_one(described, tmp_path):
    write_las(tmp_path / 'tiles/a.laz', intensity=1)
    assert described().scale_of(tmp_path / 'tiles/a.laz') == {'intensity': 1}


def test_colours_and_intensities_beside_a_number(described, tmp_path):
    write_las(tmp_path / 'tiles/a.laz', colour=200)
    description = described(features=['rgb', 'intensity', 'point_source_id'],
                            scale=dict(rgb='of each file', intensity='of each file', point_source_id=3))
    scale = description.scale_of(tmp_path / 'tiles/a.laz')
    assert (scale['rgb'], scale['point_source_id']) == (255, 3) and 900 < scale['intensity'] < 1000


def test_files_may_lie_elsewhere(described, tmp_path):
    write_las(tmp_path / 'tiles/a.laz')
    assert described().files('train') == ['a.laz']
    with pytest.raises(DataError, match=r"configs.tiles\.yaml: 'b\.laz' of the split 'train' is no file in .*tiles "):
        described(splits=dict(train=['b.laz'])).files('train')


def test_the_height_has_the_same_scale_everywhere(described):
    with pytest.raises(DataError, match='scale of height_above_ground is metres in every file; give a number'):
        described(features=['height_above_ground'], scale=dict(height_above_ground='of each file'))
