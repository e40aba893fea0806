import math

import pytest
from rich.console import Console
from test_benchmark.test_results import make_result

from erda.benchmark.tables import (
    Summary,
    as_summary_table,
    class_results,
    label_lines,
    mean_classes,
    summarize,
    summary_rows,
)


def summaries(**rows):
    return {method: {'1%': Summary(*values)} for method, values in rows.items()}


def test_mean_and_spread_over_seeds():
    results = [make_result(seed=seed, car=x, road=0.5, bus=math.nan) for seed, x in enumerate((0.1, 0.3, 0.5))]
    classes = mean_classes(results, ['car', 'road', 'bus'])
    assert classes == ['car', 'road'] and mean_classes(results, [], ['road']) == ['road']
    summary = summarize(results, classes)['ERDA']['1%']
    assert summary == pytest.approx((40, 10, 3))
    assert math.isnan(summarize(results[:1], classes)['ERDA']['1%'].spread)


@pytest.mark.parametrize('rows, bold', [
    (dict(a=(40, 1, 3), b=(42, 1.5, 3)), 'b'),
    (dict(a=(40, 2, 3), b=(42, 1, 3)), None),
    (dict(a=(40, 1, 3), b=(42, 2.5, 3)), None),
    (dict(a=(40, 1, 3), b=(42, 0.1, 3), c=(41.95, 0.1, 3)), None),
    (dict(a=(40, math.nan, 1), b=(90, math.nan, 1)), None),
    (dict(a=(40, 1, 3)), None),
])
def test_bold_only_where_the_lead_exceeds_the_spread(rows, bold):
    table = summary_rows(summaries(**rows))
    assert [row[0] for row in table[1:] if row[1].startswith('**')] == ([bold] if bold else [])


def test_differences_to_the_baseline():
    rows = summary_rows({'sparse': {'1%': Summary(40, 1, 3)}, 'ours': {'1%': Summary(41.25, 2, 3)},
                         'full': {'100%': Summary(50, math.nan, 1)}}, 'sparse')
    assert rows == [['mIoU', '1%', '100%'], ['sparse', '40.0 ± 1.0', ''], ['ours', '41.2 ± 2.0 (+1.2)', ''],
                    ['full', '', '50.0']]
    console = Console(record=True, width=100)
    console.print(as_summary_table([['mIoU', '1%'], ['ours', '**41.0 ± 0.1** (+1.0)']], 'title'))
    assert '41.0 ± 0.1 (+1.0)' in console.export_text() and '**' not in console.export_text()


def test_labels_and_classes():
    results = [make_result(seed=1), make_result(seed=2), make_result('full', '100%')]
    assert label_lines(results) == ['- 1%: labels in a scan: 27 of 2700 raw points',
                                    '- 100%: labels in a scan: 27 of 2700 raw points']
    columns = class_results(results, ['car'])
    assert [(column.name, len(column.runs)) for column in columns] == [('ERDA', 2), ('full', 1)]
