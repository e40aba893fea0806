import pytest

from erda.clouds.las_classes import codes_of_classes, same_names
from erda.files.data_error import DataError


@pytest.mark.parametrize('name, code', [
    ('ground', 2), ('Ground', 2), ('TERRAIN', 2), ('low vegetation', 3), ('Low_Vegetation', 3), ('grass', 3),
    ('medium-vegetation', 4), ('shrubs', 4), ('tree', 5), ('Trees', 5), ('high vegetation', 5), ('building', 6),
    ('Buildings', 6), ('house', 6), ('water', 9), ('rails', 10), ('road', 11), ('bridge', 17), ('power lines', 14),
    ('pylon', 15), ('roof', 64), ('vegetation', 64), ('ground floor', 64)])
def test_names_as_people_write_them(name, code):
    assert codes_of_classes({name: []}) == [code]


@pytest.mark.parametrize('classes, taken, old, codes', [
    ({'tree': [], 'High Vegetation': []}, (), False, [64, 5]),  # the name itself comes before what means the same
    ({'tree': [], 'ground': [5]}, (), False, [64, 5]), ({'roof': [], 'wall': []}, (64, ), False, [65, 66]),
    ({'roof': [7, 8], 'ground': []}, (), False, [7, 2]),
    ({'roof': [], 'ground': [], 'wire': []}, (), True, [13, 2, 14]),
    ({'roof': [64], 'wall': [200], 'ground': [2]}, (), True, [13, 14, 2]),
])
def test_codes_are_different(classes, taken, old, codes):
    assert codes_of_classes(classes, taken, old) == codes


@pytest.mark.parametrize('old, count, message', [(True, 20, 'point formats below 6 end at 31'),
                                                 (False, 193, 'LAS ends at 255')])
def test_there_are_only_so_many(old, count, message):
    with pytest.raises(DataError, match=message):
        codes_of_classes({f'thing {i}': [] for i in range(count)}, old_format=old)
    assert len(set(codes_of_classes({f'thing {i}': [] for i in range(count - 1)}, old_format=old))) == count - 1


def test_same_names():
    assert same_names(['a_b', 'A b', 'c', 'a-B']) == [['a_b', 'A b', 'a-B']]
