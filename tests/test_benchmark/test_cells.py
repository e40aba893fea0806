import json
import os
import time
import zipfile

import pytest
from mmengine.config import Config
from test_benchmark.small_cells import CONFIG, small_runs, small_runs_tested_twice

from erda.benchmark import cells
from erda.benchmark.cells import LOG, last_hidden_label_report, read_scalars, seconds_of_test, seconds_of_training
from erda.benchmark.spec import SpecError
from erda.evaluation.training_job import JobError


def write_checkpoint(path, size=None):
    with zipfile.ZipFile(path, 'w') as file:
        file.writestr('data', bytes(1000))
    path.write_bytes(path.read_bytes()[:size])


def started(tmp_path, **options):
    """A cell whose config is written."""
    run, = small_runs(tmp_path, **options)
    run.folder.mkdir(parents=True, exist_ok=True)
    run.commands(tmp_path)
    return run


def test_options_reach_the_config_with_their_types(tmp_path):
    run, = small_runs(tmp_path, **{
        'model.decode_head.loss': {'weight': 2}, 'model.decode_head.pseudo_labeler': {
            '_delete_': True, 'type': 'P', 'scale': 10.0},
        'model.backbone': {'_delete_': True, 'x': [1, {'y': None}]}, 'new.key': 'it\'s "1e-3"', 'long': 'word ' * 100,
        'train_dataloader.dataset.budget.ratio': 0.001})
    (tmp_path / 'cell.py').write_text(run.text)
    cfg = Config.fromfile(tmp_path / 'cell.py')
    assert cfg._cfg_dict.to_dict() == run.cfg._cfg_dict.to_dict()
    assert cfg.model.to_dict() == dict(
        decode_head=dict(loss=dict(type='A', weight=2), pseudo_labeler=dict(type='P', scale=10.0)),
        backbone=dict(x=[1, dict(y=None)]))
    assert cfg.new.key == 'it\'s "1e-3"' and cfg.long == 'word ' * 100 and cfg.data_root == 'a\'b"'
    assert cfg.train_dataloader.dataset.budget.ratio == 0.001 and 'work_dir' not in cfg
    assert cfg.default_hooks.checkpoint.max_keep_ckpts == 2


def test_options_are_merged_in_turn(tmp_path):
    run, = small_runs(tmp_path, **{'model.decode_head.loss.weight': 3, 'model.decode_head': {'loss': {'type': 'B'}}})
    assert run.cfg.model.decode_head.loss.to_dict() == dict(type='B', weight=3)
    run, = small_runs(tmp_path, **{'model.decode_head': {'_delete_': True, 'a': 1}, 'model.decode_head.b': 2})
    assert run.cfg.model.decode_head.to_dict() == dict(a=1, b=2)


@pytest.mark.parametrize('options, message', [
    ({'class_names': {'a': 1}}, "ours, 1%, seed 0: the option class_names: {'a': 1} does not fit .*small.py"),
    ({'model.decode_head.pseudo_labeler.scale': 1}, 'pseudo_labeler.scale: 1 does not fit'),
    ({'infinite': float('inf')}, 'infinite = inf cannot be written'),
    ({'train_cfg': {'_delete_': True, 'type': 'X'}}, 'neither train_cfg.max_iters nor'),
])
def test_options_that_do_not_fit(tmp_path, options, message):
    with pytest.raises(SpecError, match=message):
        small_runs(tmp_path, **options)


def test_key_depends_on_the_config_and_not_on_the_folder(tmp_path):
    first, second = small_runs(tmp_path, cells=2)
    for name in ('a', 'b'):
        (tmp_path / name).mkdir()
    assert small_runs(tmp_path / 'a')[0].key == first.key == small_runs(tmp_path / 'b')[0].key
    assert first.key[:3] == ('ours', '1%', 0) and first.key[3] != second.key[3]
    assert small_runs(tmp_path, **{'model.decode_head.loss.weight': 2})[0].key != first.key


def test_states_of_a_cell(tmp_path):
    run, = small_runs(tmp_path)
    assert run.state == 'to run' and run.length == '6 iterations' and not run.folder.exists()
    run.folder.mkdir(parents=True)
    train, test = run.commands(tmp_path)
    assert train == [f'{tmp_path}/train.py', str(run.config), '--work-dir', str(run.folder)]
    assert test[:5] == [f'{tmp_path}/test.py', str(run.config), f'{run.folder}/iter_6.pth', '--out', str(run.folder)]
    write_checkpoint(run.folder / 'iter_2.pth')
    write_checkpoint(run.folder / 'iter_4.pth')
    write_checkpoint(run.folder / 'best_miou_iter_5.pth')
    assert run.state == 'to resume from iter_4.pth'
    train, _ = run.commands(tmp_path)
    assert train[2:4] == ['--resume', f'{run.folder}/iter_4.pth']
    write_checkpoint(run.folder / 'iter_6.pth')
    assert run.state == 'to test' and run.commands(tmp_path) == [test]
    (run.folder / 'metrics.json').write_text('{}')
    assert run.state == 'finished' and run.commands(tmp_path) == []


def test_weights_of_another_cell(tmp_path):
    again, trained = small_runs_tested_twice(tmp_path)
    assert (again.trained_as, again.training, trained.training) == (trained, trained, trained)
    assert again.cfg.exponent == 0.5 and again.folder != trained.folder and again.last == trained.last
    assert again.state == 'to test after ours, 1%, seed 0'
    with pytest.raises(JobError, match='again, 1%, seed 0: there is no .*iter_6.pth, which ours, 1%, seed 0 ends with'):
        again.commands(tmp_path)
    trained.folder.mkdir(parents=True)
    (test, ) = trained.commands(tmp_path)[1:]
    write_checkpoint(trained.folder / 'iter_4.pth')
    assert again.checkpoint is None, 'it is not the last one'
    write_checkpoint(trained.last)
    assert again.state == 'to test' and again.checkpoint == trained.last
    again.folder.mkdir(parents=True)
    (own_test, ) = again.commands(tmp_path)
    assert own_test[1:3] == [str(again.config), str(trained.last)] and own_test[3:] != test[3:]
    assert again.text.startswith(f'# The weights are those of ours, 1%, seed 0, {trained.key[-1]}.')
    trained.config.write_text('of another config')
    assert again.checkpoint is None


def test_key_depends_on_the_weights(tmp_path):
    again, trained = small_runs_tested_twice(tmp_path)
    same, = cells.make_runs([again.cell._replace(trained_as=None)], tmp_path)
    assert same.cfg._cfg_dict.to_dict() == again.cfg._cfg_dict.to_dict() and same.key[:3] == again.key[:3]
    assert same.key != again.key, 'a training of its own is another result'


@pytest.mark.parametrize('size', [0, 1, 500, 1100])
def test_a_checkpoint_cut_off_by_a_kill_is_passed_over(tmp_path, size):
    run = started(tmp_path)
    write_checkpoint(run.folder / 'iter_6.pth', size)
    assert run.checkpoint is None
    write_checkpoint(run.folder / 'iter_4.pth')
    assert run.checkpoint.name == 'iter_4.pth'


def test_epochs(tmp_path):
    run, = small_runs(tmp_path, config=CONFIG.replace('max_iters=6', 'max_epochs=3'))
    assert (run.epochs, run.length, run.last.name) == (3, '3 epochs', 'epoch_3.pth')


def test_another_config_starts_anew_and_removes_nothing(tmp_path):
    run = started(tmp_path)
    write_checkpoint(run.folder / 'iter_6.pth')
    for name in ('metrics.json', LOG):
        (run.folder / name).write_text(name)
    other, = small_runs(tmp_path, **{'model.decode_head.loss.weight': 2})
    assert (other.folder, other.state, other.metrics) == (run.folder, 'to run', None)
    assert len(other.commands(tmp_path)) == 2 and other.is_of_this_config() and not run.is_of_this_config()
    assert sorted(path.name for path in run.folder.iterdir()) == ['config', 'earlier_1', LOG]
    assert {path.name for path in (run.folder / 'earlier_1').iterdir()} == {'config', 'iter_6.pth', 'metrics.json'}
    assert (run.folder / 'earlier_1/config/cell.py').read_text() == run.text
    run.commands(tmp_path)
    assert sorted(path.name for path in run.folder.iterdir()) == ['config', 'earlier_1', 'earlier_2', LOG]


def test_a_config_cut_off_by_a_kill_counts_for_nothing(tmp_path):
    run = started(tmp_path)
    run.config.write_text(run.text[:20])
    assert run.state == 'to run' and len(run.commands(tmp_path)) == 2 and run.is_of_this_config()


def test_last_report_on_hidden_labels_also_of_a_resumed_training(tmp_path):
    assert last_hidden_label_report(tmp_path) == {}
    for stamp, lines in (('20260101_000000', [{'prediction/accuracy': 0.1, 'step': 200}, {'loss': 1.0}]),
                         ('20260101_001000', [{'prediction/accuracy': 0.2, 'pseudo_label/ece': 0.3, 'step': 400},
                                              {'loss': 1.0, 'step': 450}, {'miou': 0.5, 'step': 1}])):
        path = tmp_path / stamp / 'vis_data/scalars.json'
        path.parent.mkdir(parents=True)
        path.write_text(''.join(json.dumps(line) + '\n' for line in lines))
    assert last_hidden_label_report(tmp_path) == {'prediction/accuracy': 0.2, 'pseudo_label/ece': 0.3}


def test_logs_of_all_parts_of_a_training(tmp_path):
    parts = ('20260101_000000', '{"a": 1}\n{"a": 2}\n{"a"', 60), ('20260101_001000', '{"a": 3}\n', 30)
    for stamp, lines, seconds in parts:
        path = tmp_path / stamp / 'vis_data/scalars.json'
        path.parent.mkdir(parents=True)
        path.write_text(lines)
        end = time.mktime(time.strptime(stamp, '%Y%m%d_%H%M%S')) + seconds
        os.utime(path, (end, end))
    (tmp_path / '20260101_002000').mkdir()
    (tmp_path / 'earlier_1/20250101_002000/vis_data').mkdir(parents=True)
    (tmp_path / 'metrics.json').touch()
    end = time.mktime(time.strptime('20260101_002005', '%Y%m%d_%H%M%S'))
    os.utime(tmp_path / 'metrics.json', (end, end))
    assert [line['a'] for line in read_scalars(tmp_path)] == [1, 2, 3]
    assert seconds_of_training(tmp_path) == 90 and seconds_of_test(tmp_path) == 5
