import os.path as osp
from collections import deque
from typing import Deque, Dict, List

from mmdet3d.registry import HOOKS
from mmengine.dist import is_main_process
from mmengine.fileio import BaseStorageBackend, LocalBackend
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from .whole_file_backend import WholeFileBackend


@HOOKS.register_module(name='CheckpointHook')
class WholeCheckpointHook(CheckpointHook):
    """mmengine's ``CheckpointHook``, whose place it takes in mmdet3d's registry, for runs that may be killed.

    A checkpoint is on the disk as a whole before ``last_checkpoint`` names it, and only then are older ones removed:
    whenever a run ends, ``--resume`` finds one. The stock hook removes first, then writes in place.

    Raises:
        TrainingError: if a checkpoint cannot be written, as on a full disk.
    """

    file_backend: BaseStorageBackend
    keep_ckpt_ids: Deque[int]

    def before_train(self, runner: Runner) -> None:
        super().before_train(runner)
        if type(self.file_backend) is LocalBackend:
            self.file_backend = WholeFileBackend()
            self.backend_args = dict(backend=WholeFileBackend.NAME)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        outdated: List[int] = []
        if self.max_keep_ckpts > 0:
            kept = [*self.keep_ckpt_ids]
            if kept[-1:] != [step]:
                kept.append(step)
            # With the outdated one: if we are killed before it is removed, the resumed run removes it.
            runner.message_hub.update_info('keep_ckpt_ids', kept)
            outdated = kept[:-self.max_keep_ckpts]
            self.keep_ckpt_ids = deque(kept, self.max_keep_ckpts)
        name = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir, name, self.file_client_args, save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler, meta=meta, by_epoch=self.by_epoch,
            backend_args=self.backend_args, **self.args)
        if not is_main_process():
            return
        WholeFileBackend().put_text(self.last_ckpt, osp.join(runner.work_dir, 'last_checkpoint'))
        for path in (self.file_backend.join_path(self.out_dir, self.filename_tmpl.format(old)) for old in outdated):
            if self.file_backend.isfile(path):
                self.file_backend.remove(path)

    def _save_best_checkpoint(self, runner: Runner, metrics: Dict[str, float]) -> None:
        if isinstance(self.file_backend, WholeFileBackend):
            with self.file_backend.removals_put_off():
                super()._save_best_checkpoint(runner, metrics)
        else:
            super()._save_best_checkpoint(runner, metrics)
