import math

import pytest
from rich.console import Console

from erda.evaluation.comparison_table import (
    LabelCount,
    MethodResult,
    as_markdown,
    as_rich_table,
    comparison_rows,
    mean_ious,
)


@pytest.fixture
def results():
    few = [LabelCount('', 10.0, 1000.0), LabelCount('', 9.0, 300.0)]
    all_ = [LabelCount('', 1000.0, 1000.0), LabelCount('', 300.0, 300.0)]
    nan = math.nan
    return [MethodResult('sparse-only', '1%', few, [dict(car=0.5, road=0.75, bus=nan)]),
            MethodResult('full', '100%', all_, [dict(car=0.7, road=0.95, bus=0.0)])]


def test_rows(results):
    rows = comparison_rows(results)
    assert rows[0] == ['', 'sparse-only', 'full']
    assert rows[1] == ['budget', '1%', '100%']
    assert rows[2] == ['labels per scan', '10', '1000']
    assert ['car', '50.0', '70.0'] in rows and 'bus' not in [row[0] for row in rows]
    assert rows[-1] == ['mIoU of 2', '62.5', '82.5']


def test_chosen_classes(results):
    assert comparison_rows(results, ['road'])[-1] == ['mIoU of 1', '75.0', '95.0']
    assert math.isnan(mean_ious(results[0], ['road', 'bus'])[0])


def test_several_seeds():
    runs = [dict(car=0.5, road=0.75), dict(car=0.6, road=0.75), dict(car=0.7, road=0.75)]
    rows = comparison_rows([MethodResult('ERDA', '1 per class and scan', [LabelCount('', 10.0, 1000.0)], runs)])
    assert ['car', '60.0 ± 10.0'] in rows and ['mIoU of 2', '67.5 ± 5.0'] in rows
    assert not any('voxels' in row[0] for row in rows)
    as_rich_table(rows, 'title')


def test_a_chosen_class_without_an_iou_in_one_run():
    labels = [LabelCount('', 10.0, 1000.0)]
    rows = comparison_rows([MethodResult('ERDA', '1%', labels, [dict(car=0.5), dict(car=math.nan)])], ['car'])
    assert ['car', 'nan ± nan'] in rows


def test_markdown_and_terminal(results):
    rows = comparison_rows(results)
    lines = as_markdown(rows).splitlines()
    assert lines[1] == '| --- | ---: | ---: |' and len(lines) == len(rows) + 1
    console = Console(record=True, width=100)
    console.print(as_rich_table(rows, 'title'))
    assert 'mIoU of 2' in console.export_text()
