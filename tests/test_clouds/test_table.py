"""Text tables as people's tools write them are read, and copied as they were with new columns."""
import itertools

import numpy as np
import pytest

from erda.clouds.cloud_files import (
    PointCloudError,
    assumptions,
    copy_with_fields,
    count_points,
    field_names,
    iter_point_cloud,
    read_point_cloud,
)

XYZ = np.array([[652000.5, 6862000.25, 35.5], [652001.75, 6862003.5, -1.25], [652002, 6862004, 36]])
LABELS = [2, 5, 6]
NUMBERS = [[f'{x:g}' if x < 1000 else f'{x:.2f}' for x in row] + [str(label)] for row, label in zip(XYZ, LABELS)]

HEADS = {
    'names': (['{x}{s}{y}{s}{z}{s}{l}'], ['x', 'y', 'z', 'label']),
    'capitals': (['{X}{s}{Y}{s}{Z}{s}Class'], ['X', 'Y', 'Z', 'Class']),
    'comment': (['# exported by my scanner', '', '{x}{s}{y}{s}{z}{s}{l}'], ['x', 'y', 'z', 'label']),
    'names in a comment': (['# made by me', '# {x}{s}{y}{s}{z}{s}{l}'], ['x', 'y', 'z', 'label']),
    'names with spaces between': (['x y z label'], ['x', 'y', 'z', 'label']),
    'CloudCompare with a count': (['//{X}{s}{Y}{s}{Z}{s}{l}', '3'], ['X', 'Y', 'Z', 'label']),
    'a count before the names': (['3', '//{X}{s}{Y}{s}{Z}{s}{l}'], ['X', 'Y', 'Z', 'label']),
    'quoted names': (['"x"{s}"y"{s}"z"{s}"my{s}label"'], ['x', 'y', 'z', 'my{s}label']),
    'a count alone': (['3'], ['x', 'y', 'z', 'column_4']),
    'nothing': ([], ['x', 'y', 'z', 'column_4']),
    'a comment alone': (['# exported by my scanner'], ['x', 'y', 'z', 'column_4']),
}
SEPARATORS = {'comma': ',', 'semicolon': ';', 'tab': '\t', 'space': ' ', 'spaces': '   ', 'comma and space': ', '}
TABLES = [(head, separator, decimal) for head, separator, decimal in itertools.product(HEADS, SEPARATORS, '.,')
          if not (decimal == ',' and 'comma' in separator) and not (head == 'quoted names' and 'space' in separator)]


def write(path, head, separator, decimal='.', rows=NUMBERS, encoding='utf-8'):
    names = dict(zip('xyzXYZ', 'xyzXYZ'), s=separator, l='label')
    lines = [line.format(**names) for line in HEADS[head][0]]
    lines += [separator.join(word.replace('.', decimal) for word in row) for row in rows]
    path.write_bytes(('\r\n'.join(lines) + '\r\n').encode(encoding))
    return path, [name.format(s=separator) for name in HEADS[head][1]]


@pytest.mark.parametrize('head, separator, decimal', TABLES)
def test_reading_and_copying(tmp_path, head, separator, decimal):
    path, names = write(tmp_path / 'a.txt', head, SEPARATORS[separator], decimal)
    assert field_names(path) == names and count_points(path) == 3
    cloud = read_point_cloud(path)
    np.testing.assert_array_equal(cloud.xyz, XYZ)
    assert cloud.fields[names[3]].tolist() == LABELS
    assert [len(chunk.xyz) for chunk in iter_point_cloud(path, 2)] == [2, 1]
    unnamed = names[3] == 'column_4'
    assert assumptions(path) == (['its columns have no names and are taken for x, y, z, column_4'] if unnamed else [])
    target = tmp_path / 'b.txt'
    copy_with_fields(path, target, [dict(score=np.array([0.5, 0.25, 1e-7], np.float32))], 3)
    copied = read_point_cloud(target)
    np.testing.assert_array_equal(copied.xyz, XYZ)
    assert copied.fields[names[3]].tolist() == LABELS
    np.testing.assert_allclose(copied.fields['score'], [0.5, 0.25, 1e-7])
    old, new = path.read_text().splitlines(), target.read_text().splitlines()
    assert [line for line in old if 'made by' in line or 'exported' in line or line == '3'] == [
        line for line in new if 'made by' in line or 'exported' in line or line == '3']
    assert new[-2].split() == f'{old[-2]}{SEPARATORS[separator].strip() or " "}{"0.25".replace(".", decimal)}'.split() \
        or separator == 'comma and space'


@pytest.mark.parametrize('suffix, columns, names', [
    ('.pts', 4, 'x, y, z, intensity'), ('.pts', 6, 'x, y, z, red, green, blue'),
    ('.pts', 7, 'x, y, z, intensity, red, green, blue'), ('.pts', 5, 'x, y, z, column_4, column_5'),
    ('.xyz', 3, 'x, y, z'), ('.xyz', 6, 'x, y, z, column_4, column_5, column_6')])
def test_files_without_names(tmp_path, suffix, columns, names):
    path = tmp_path / f'a{suffix}'
    path.write_text('2\n' + '\n'.join(' '.join(map(str, range(i, i + columns))) for i in (0, 10)))
    cloud = read_point_cloud(path)
    assert cloud.xyz.tolist() == [[0, 1, 2], [10, 11, 12]] and ['x', 'y', 'z', *cloud.fields] == names.split(', ')
    assert assumptions(path) == [f'its columns have no names and are taken for {names}']
    copy_with_fields(path, tmp_path / f'b{suffix}', [dict(score=np.array([7, 8]))])
    assert (tmp_path / f'b{suffix}').read_text().splitlines()[:2] == ['2', f'//{names.replace(", ", " ")} score']
    assert read_point_cloud(tmp_path / f'b{suffix}').fields['score'].tolist() == [7, 8]


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'latin-1'])
@pytest.mark.parametrize('separator', SEPARATORS.values())
def test_words(tmp_path, separator, encoding):
    rows = [row[:3] + [word] for row, word in zip(NUMBERS, ('Straße', 'roof', 'roof'))]
    path, _ = write(tmp_path / 'a.csv', 'names', separator, rows=rows, encoding=encoding)
    assert read_point_cloud(path).fields['label'].tolist() == ['Straße', 'roof', 'roof']
    copy_with_fields(path, tmp_path / 'b.csv', [dict(score=np.arange(3))])
    copied = read_point_cloud(tmp_path / 'b.csv').fields
    assert copied['label'].tolist() == ['Straße', 'roof', 'roof'] and copied['score'].tolist() == [0, 1, 2]


def test_empty_cells(tmp_path):
    path = tmp_path / 'a.csv'
    path.write_text('x,y,z,label,words\n1,2,3,,\n4,5,6,1,"a, b"\n7,8,9,nan,c\n')
    fields = read_point_cloud(path).fields
    assert np.isnan(fields['label']).tolist() == [True, False, True] and fields['words'].tolist() == ['', 'a, b', 'c']


@pytest.mark.parametrize('text, message', [
    ('//X Y Z\n4\n1 2 3\n4 5 6\n', 'it says that it has 4 points, but it has 2. The file is truncated: copy it again.'),
    ('x y z my label\n1 2 3 4\n', 'its line of names has 5 names, but its points have 4 columns.'),
    ('# x y z my label\n1 2 3 4\n', 'its line of names has 5 names, but its points have 4 columns.'),
    ('x,x,y,z\n1,2,3,4\n', 'two of its columns have the same name.'),
    ('a b c\n1 2 3\n', 'there is no x, y, z among the fields a, b, c.'),
    ('x y z\n1 2 3\n1 2 three\n', "its column 'z' is not all numbers: it has 'three'. Remove these lines"),
    ('x y z\n', 'it has no points.'),
    ('1 2\n3 4\n', 'its first line has 2 columns. Give x, y, z and a line of names.'),
    ('\n\n', 'it is empty.'),
    ('x,y,z\n1,2,3\n4,5,6,7\n', 'Give every line the same number of columns'),
])
def test_refused(tmp_path, text, message):
    path = tmp_path / 'a.txt'
    path.write_text(text)
    with pytest.raises(PointCloudError) as error:
        read_point_cloud(path)
    assert message in str(error.value) and str(path) in str(error.value)
