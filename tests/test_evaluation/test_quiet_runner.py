import logging

import pytest
from mmengine.config import Config
from mmengine.logging import MMLogger
from torch import nn

from erda.evaluation.quiet_runner import QuietRunner


@pytest.fixture
def runner(tmp_path):
    cfg = Config(dict(work_dir=str(tmp_path), experiment_name='quiet', default_scope='mmengine'))
    return QuietRunner(nn.Linear(1, 1), str(tmp_path), cfg=cfg, experiment_name='quiet',
                       default_hooks=dict(checkpoint=None, logger=None))


def test_the_config_is_in_the_file_and_not_on_the_terminal(runner, tmp_path, capfd):
    runner.logger.warning('Three clicks hit nothing.')
    text = next(tmp_path.glob('*/*.log')).read_text()
    shown = ''.join(capfd.readouterr())
    for long in ("experiment_name = 'quiet'", 'System environment', 'Hooks will be executed'):
        assert long in text and long not in shown
    handlers = {type(handler) for handler in MMLogger.get_current_instance().handlers}
    assert logging.StreamHandler in handlers and 'Three clicks hit nothing.' in text
