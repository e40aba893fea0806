import math

import pytest
from rich.console import Console
from test_benchmark.test_results import make_result

from erda.benchmark.tables import (
    Summary,
    as_summary_table,
    class_results,
    hidden_label_rows,
    label_lines,
    mean_classes,
    on_your_clouds,
    pool_folds,
    summarize,
    summary_rows,
    tables_by_job,
)
from erda.evaluation.comparison_table import LabelCount


def summaries(**rows):
    return {method: {'1%': Summary(*values)} for method, values in rows.items()}


def test_mean_and_spread_over_seeds():
    results = [make_result(seed=seed, car=x, road=0.5, bus=math.nan) for seed, x in enumerate((0.1, 0.3, 0.5))]
    classes = mean_classes(results, ['car', 'road', 'bus'])
    assert classes == ['car', 'road'] and mean_classes(results, [], ['road']) == ['road']
    summary = summarize(results, classes)['ERDA']['1%']
    assert tuple(summary) == pytest.approx((40, 10, 3))
    assert math.isnan(summarize(results[:1], classes)['ERDA']['1%'].spread)
    assert math.isnan(summarize(results, [])['ERDA']['1%'].mean), 'no class has an IoU everywhere'


@pytest.mark.parametrize('rows, bold', [
    (dict(a=(40, 1, 3), b=(42, 1.5, 3)), 'b'),
    (dict(a=(40, 2, 3), b=(42, 1, 3)), None),
    (dict(a=(40, 1, 3), b=(42, 2.5, 3)), None),
    (dict(a=(40, 1, 3), b=(42, 0.1, 3), c=(41.95, 0.1, 3)), None),
    (dict(a=(40, math.nan, 1), b=(90, math.nan, 1)), None),
    (dict(a=(40, 1, 3), b=(90, math.nan, 1)), None),
    (dict(a=(40, 1, 3)), None),
])
def test_bold_only_where_the_lead_exceeds_the_spread(rows, bold):
    table = summary_rows(summaries(**rows), ['1%'])
    assert [row[0] for row in table[1:] if row[1].startswith('**')] == ([bold] if bold else [])


def test_differences_to_the_baseline():
    rows = summary_rows({'sparse': {'1%': Summary(40, 1, 3), '10%': Summary(45, 1, 3)},
                         'ours': {'10%': Summary(46.25, 0.5, 2)}}, ['1%', '10%'], 'sparse')
    assert rows == [['mIoU', '1%', '10%'], ['sparse', '40.0 ± 1.0', '45.0 ± 1.0'],
                    ['ours', '', '**46.2 ± 0.5** (+1.2, 2 seeds)']]
    console = Console(record=True, width=100)
    console.print(as_summary_table([['mIoU', '1%'], ['ours [x]', '**41.0 ± 0.1** (+1.0)']], 'title [y]'))
    text = console.export_text()
    assert '41.0 ± 0.1 (+1.0)' in text and '**' not in text and '[x]' in text and '[y]' in text


def test_a_method_with_labels_of_its_own_has_the_same_value_in_all_columns_and_wins_none():
    full = {'own': Summary(50, 0.5, 3)}
    rows = summary_rows({'a': {'1%': Summary(40, 1, 3), '10%': Summary(41, 1, 3)}, 'full': full}, ['1%', '10%'], 'a')
    assert rows[2] == ['full', '50.0 ± 0.5 (+10.0)', '50.0 ± 0.5 (+9.0)']
    assert summary_rows({'full': full}, []) == [['mIoU', ''], ['full', '50.0 ± 0.5']]


def test_label_lines():
    def labels(voxels, **names):
        counts = [LabelCount('raw points', 26.4, 2700.0), LabelCount('50 cm voxels', voxels, 300.0)]
        return make_result(**names)._replace(labels=counts)

    results = [labels(20, method='a', seed=1), labels(21, method='a', seed=2), labels(20.5, method='b')]
    line = 'labels in a scan: 26.4 of 2700 raw points, 20.5 of 300 50 cm voxels'
    assert label_lines(results) == [f'- 1%: {line}']
    results += [labels(15, method='c'), labels(300, method='full', budget='own')]
    other = line.replace('20.5', '15.0')
    full = line.replace('20.5', '300')
    assert label_lines(results) == [f'- 1%, a, b: {line}', f'- 1%, c: {other}', f'- full: {full}']


def test_class_results():
    columns = class_results([make_result(seed=1), make_result('full', 'own'), make_result(seed=2)], ['car'])
    assert [(column.name, len(column.runs)) for column in columns] == [('ERDA', 2), ('full', 1)]


def test_hidden_labels_are_means_over_seeds_and_miou_is_where_all_have_it():
    def report(*values):
        names = ('prediction/accuracy', 'prediction/miou', 'pseudo_label/accuracy', 'pseudo_label/miou')
        return dict(zip(names, values))

    results = [make_result('sparse', seed=1)._replace(hidden_labels=report(0.5, 0.2)),
               make_result('sparse', seed=2)._replace(hidden_labels=report(0.7, 0.3)),
               make_result('ours')._replace(hidden_labels=report(0.8, 0.4, 0.9, 0.5)),
               make_result('ours', budget='2%')._replace(hidden_labels={'prediction/accuracy': 0.25}),
               make_result('full', budget='own')]
    assert hidden_label_rows(results, ['1%', '2%']) == [
        ['hidden labels: accuracy / mIoU',
         '1%, pseudo-labels', '1%, prediction', '2%, pseudo-labels', '2%, prediction'],
        ['sparse', '', '60.0 / 25.0', '', ''],
        ['ours', '90.0 / 50.0', '80.0 / 40.0', '', '25.0']]
    assert hidden_label_rows(results[3:4], ['2%'])[0][0] == 'hidden labels: accuracy'
    assert hidden_label_rows([make_result('full')], ['1%']) == []


def folded(fold, seed, confusion, **changes):
    result = make_result(seed=seed, car=0.1, road=0.1, bus=0.1, miou=0.1)
    return result._replace(fold=fold, confusion=confusion, **changes)


def test_your_clouds_have_tables_of_their_own():
    """With every label seen there is nothing to compare with: full supervision has no row there."""
    hidden = [[80, 20, 0, 0], [0, 100, 0, 0], [0, 0, 0, 0]]
    weak = [folded('', seed, [[5, 5, 0, 0], [0, 10, 0, 0], [0, 0, 0, 0]], your_clouds=hidden) for seed in (1, 2)]
    full = folded('', 1, weak[0].confusion, method='full', budget='own')
    assert [result.metrics['car'] for result in on_your_clouds([*weak, full])] == [0.8, 0.8]
    tables = tables_by_job([*weak, full], ['car', 'road', 'bus'], ['1%'])
    assert [rows[0] for rows in tables] == [['your clouds: mIoU', '1%'], ['your clouds: accuracy', '1%'],
                                            ['new scenes: mIoU', '1%']]
    assert [rows[1:] for rows in tables[:2]] == [[['ERDA', '81.7 ± 0.0']], [['ERDA', '90.0 ± 0.0']]]
    assert [row[0] for row in tables[2][1:]] == ['ERDA', 'full']
    assert tables_by_job([full], ['car', 'road', 'bus'], ['1%'])[0][0] == ['mIoU', '1%'], 'older results, as before'


def test_your_clouds_of_folds_are_pooled():
    north, south = (folded(fold, 1, [[1, 0, 0, 0]] * 3, your_clouds=[[x, 0, 0, 0]] * 3)
                    for fold, x in (('north', 1), ('south', 2)))
    pooled, = pool_folds([north, south], ['north', 'south'])
    assert pooled.your_clouds == [[3, 0, 0, 0]] * 3
    pooled, = pool_folds([north, south._replace(your_clouds=[])], ['north', 'south'])
    assert pooled.your_clouds == [], 'one fold lacks them'


def test_folds_are_pooled_point_by_point():
    """A fold of few points counts for little; a class that no fold has, or predicts, has no IoU."""
    north = folded('north', 1, [[80, 20, 0, 0], [0, 100, 0, 0], [0, 0, 0, 0]], hidden_labels={'prediction/miou': 0.2})
    south = folded('south', 1, [[0, 10, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]], hidden_labels={'prediction/miou': 0.4},
                   labels=[LabelCount('raw points', 29.0, 2900.0)])
    pooled, = pool_folds([north, south, folded('north', 2, north.confusion)], ['north', 'south'])
    assert pooled.seed == 1, 'the other seed lacks a fold'
    assert pooled.metrics['car'] == pytest.approx(80 / 110) and pooled.metrics['road'] == pytest.approx(100 / 130)
    assert math.isnan(pooled.metrics['bus']) and pooled.metrics['acc'] == pytest.approx(180 / 210)
    assert pooled.hidden_labels == {'prediction/miou': pytest.approx(0.3)}
    assert pooled.labels == [LabelCount('raw points', 28.0, 2800.0)] and pooled.train_seconds == 4
    assert pool_folds([north], []) == [north]
