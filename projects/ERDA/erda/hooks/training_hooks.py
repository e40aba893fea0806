from mmengine.config import Config

TRAINING_HOOKS = (
    'TrainingSummaryHook', 'FeatureRangeHook', 'RandomStateHook', 'NonFiniteLossHook', 'UnreadableScanHook')


def add_training_hooks(cfg: Config) -> None:
    """Add the hooks that every training should have to a config that does not name them itself."""
    hooks = [*(cfg.get('custom_hooks') or [])]
    named = [hook['type'] for hook in hooks]
    cfg.custom_hooks = hooks + [dict(type=name) for name in TRAINING_HOOKS if name not in named]
