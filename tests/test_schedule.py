import pytest
from mmengine.config import Config
from tiny_scans import REPOSITORY

from erda.config import ConfigError, load_config
from erda.schedule import check_length, set_length

PROJECT = REPOSITORY / 'projects/ERDA/configs'


def one_cycle(steps=2000, **schedule):
    return Config(dict(
        max_iters=2000, train_cfg=dict(type='IterBasedTrainLoop', max_iters=steps, val_interval=2000),
        param_scheduler=[dict(type='OneCycleLR', total_steps=2000, pct_start=0.1, by_epoch=False, **schedule)]))


def test_steps_set_all_four_numbers():
    cfg = load_config(str(PROJECT / 'minkunet_erda_1pct_synthetic.py'))
    set_length(cfg, 600)
    assert cfg.max_iters == 600 and cfg.param_scheduler[0].total_steps == 600
    assert cfg.train_cfg == dict(type='IterBasedTrainLoop', max_iters=600, val_interval=600)
    assert check_length(cfg) is None


def test_epochs_stretch_the_schedules_that_count_them():
    cfg = load_config(str(PROJECT / 'minkunet_erda_1pct.py'))
    before = cfg.param_scheduler[0].copy()
    set_length(cfg, 72, 'epochs')
    assert cfg.train_cfg.max_epochs == 72 and cfg.train_cfg.val_interval == 1
    assert cfg.param_scheduler[0] == dict(before, end=72, milestones=[48, 64])


def test_warm_up_and_decay_keep_their_shares():
    cfg = Config(dict(train_cfg=dict(max_iters=1000, val_interval=300), param_scheduler=[
        dict(type='LinearLR', start_factor=0.1, begin=0, end=100, by_epoch=False),
        dict(type='CosineAnnealingLR', begin=100, end=1000, T_max=900, by_epoch=False),
        dict(type='MultiStepLR', milestones=[8], by_epoch=True)]))
    set_length(cfg, 100)
    warm_up, decay, of_epochs = cfg.param_scheduler
    assert (warm_up.begin, warm_up.end, decay.begin, decay.end, decay.T_max) == (0, 10, 10, 100, 90)
    assert of_epochs.milestones == [8] and cfg.train_cfg.val_interval == 100
    set_length(cfg, 3)
    assert all(schedule.begin < schedule.end for schedule in (warm_up, decay))


@pytest.mark.parametrize('name, unit, other', [('minkunet_erda_1pct.py', 'steps', 'epochs'),
                                               ('minkunet_erda_1pct_mini.py', 'epochs', 'steps')])
def test_the_other_unit_is_refused(name, unit, other):
    cfg = load_config(str(PROJECT / name))
    with pytest.raises(ConfigError, match=f'counts {other}, .* of them: give --{other} in the place of --{unit}'):
        set_length(cfg, 5, unit)


def test_a_rise_of_one_step_is_refused():
    cfg = one_cycle()
    set_length(cfg, 10)
    with pytest.raises(ConfigError, match=r'cannot rise within one step .*Give --steps 11\.'):
        check_length(cfg)
    set_length(cfg, 11)
    assert check_length(cfg) is None


def test_what_does_not_fit_together():
    assert check_length(one_cycle()) is None
    with pytest.raises(ConfigError, match=r'2000 steps long \(param_scheduler.0.total_steps\), the training 2001 '):
        check_length(one_cycle(2001))
    assert '--steps 1999 sets both' in check_length(one_cycle(1999))
    assert check_length(Config(dict(train_cfg=dict(max_epochs=4)))) is None
    with pytest.raises(ConfigError, match='neither max_iters nor max_epochs'):
        check_length(Config(dict(train_cfg=dict(type='Loop'))))
