"""Whatever happens while a checkpoint is written, there is a whole one that last_checkpoint names."""
import errno
import os
from pathlib import Path

import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from erda.hooks import TrainingError, WholeCheckpointHook, WholeFileBackend


class Line(BaseModel):

    def __init__(self):
        super().__init__()
        self.line = torch.nn.Linear(1, 1)

    def forward(self, inputs, mode):
        return dict(loss=self.line(inputs).square().mean()) if mode == 'loss' else [0]


class RisingScore(Evaluator):

    def __init__(self):
        super().__init__([])
        self.scores = iter(range(100))

    def process(self, **kwargs):
        pass

    def evaluate(self, size):
        return dict(score=next(self.scores))


def train(folder, iters=4, checkpoint=None, **settings):
    numbers = [dict(inputs=torch.ones(1, 1))] * 8
    collate = dict(collate_fn=lambda batch: batch[0])
    runner = Runner(
        Line(), str(folder), DataLoader(numbers, **collate), optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01)),
        train_cfg=dict(by_epoch=False, max_iters=iters, val_interval=1),
        experiment_name=f'{folder.parent.name}_{folder.name}',
        default_scope='mmdet3d', default_hooks=dict(
            checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=1, max_keep_ckpts=1, **checkpoint or {})),
        **settings)
    hook, = [hook for hook in runner.hooks if type(hook) is WholeCheckpointHook]
    runner.train()
    return runner, hook


def whole(folder):
    """The iteration that the run can go on from; nothing but whole checkpoints is there."""
    assert not list(folder.glob('*.part'))
    for path in folder.glob('*.pth'):
        torch.load(path)
    return torch.load((folder / 'last_checkpoint').read_text())['meta']['iter']


class Killed(BaseException):
    """Nothing is left to be done but what the system does."""


def failing(monkeypatch, function, number, error):
    """The ``number``-th call of ``os.function`` raises an error."""
    original, calls = getattr(os, function), []

    def call(*args, **kwargs):
        calls.append(args)
        if len(calls) == number:
            raise error
        return original(*args, **kwargs)

    monkeypatch.setattr(os, function, call)


def test_one_is_kept(tmp_path):
    train(tmp_path / 'work')
    assert whole(tmp_path / 'work') == 4
    assert [path.name for path in (tmp_path / 'work').glob('*.pth')] == ['iter_4.pth']


@pytest.mark.parametrize('function, number', [('fsync', 5), ('fsync', 6), ('fsync', 7), ('replace', 3), ('replace', 6)])
def test_no_space_left(tmp_path, monkeypatch, function, number):
    """A checkpoint is synced twice, for its data and for its name, and renamed once; so is last_checkpoint."""
    failing(monkeypatch, function, number, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    with pytest.raises(TrainingError, match=r'cannot be written: No space left on device\. It takes .* MB are free'):
        train(tmp_path / 'work')
    monkeypatch.undo()
    assert whole(tmp_path / 'work') in (1, 2, 3)
    train(tmp_path / 'work', resume=True)
    assert whole(tmp_path / 'work') == 4 and len(list((tmp_path / 'work').glob('*.pth'))) == 1


@pytest.mark.parametrize('function, number', [('replace', 3), ('replace', 4), ('remove', 1), ('remove', 2)])
def test_killed(tmp_path, monkeypatch, function, number):
    """In front of the new name, of last_checkpoint's, of the removal: the next call goes on and cleans up."""
    failing(monkeypatch, function, number, Killed())
    with pytest.raises(Killed):
        train(tmp_path / 'work')
    monkeypatch.undo()
    assert torch.load((tmp_path / 'work/last_checkpoint').read_text())
    train(tmp_path / 'work', resume=True)
    assert whole(tmp_path / 'work') == 4 and len(list((tmp_path / 'work').glob('*.pth'))) == 1


def test_the_best_one_stays_until_the_next_is_there(tmp_path, monkeypatch):
    folder = tmp_path / 'work'
    kept = []
    original = WholeFileBackend.put

    def put(self, obj, filepath):
        kept.append((Path(filepath).name, len(list(folder.glob('best_score_*')))))
        original(self, obj, filepath)

    monkeypatch.setattr(WholeFileBackend, 'put', put)
    runner, hook = train(folder, checkpoint=dict(save_best='score', rule='greater'),
                         val_dataloader=DataLoader([dict(inputs=torch.ones(1, 1))], collate_fn=lambda batch: batch[0]),
                         val_cfg=dict(), val_evaluator=RisingScore())
    best = [number for name, number in kept if name.startswith('best')]
    assert best == [0, 1, 1, 1], 'the previous one is there when the next is written'
    assert [path.name for path in folder.glob('best_*')] == ['best_score_iter_4.pth'] and whole(folder) == 4


def test_a_file_is_replaced_or_left_alone(tmp_path, monkeypatch):
    path = tmp_path / 'folder/file'
    backend = WholeFileBackend()
    backend.put(b'old', path)
    failing(monkeypatch, 'fsync', 1, OSError(errno.EDQUOT, 'Disk quota exceeded'))
    with pytest.raises(TrainingError, match=f'{path} cannot be written: Disk quota exceeded'):
        backend.put(b'new and longer', path)
    assert path.read_bytes() == b'old' and [*path.parent.iterdir()] == [path]
    backend.put_text('new', path)
    assert path.read_text() == 'new' and [*path.parent.iterdir()] == [path]


def test_what_kills_left_of_it_is_removed(tmp_path):
    others = tmp_path / 'iter_20.pth.17.part'
    for path in (tmp_path / 'iter_2.pth.17.part', others):
        path.write_bytes(b'half')
    WholeFileBackend().put(b'whole', tmp_path / 'iter_2.pth')
    assert {*tmp_path.iterdir()} == {tmp_path / 'iter_2.pth', others}
