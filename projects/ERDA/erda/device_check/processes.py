"""Two processes that train on one device."""
import multiprocessing
import tempfile
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper

from .networks import CONFIGS, Size, batch_for, require_falling
from .training import Training, copied


def check_two_processes(name: str, device: torch.device, size: Size) -> str:
    """Each trains on the device; after every step they have the same weights."""
    start = 'fork' if device.type == 'cpu' else 'spawn'  # CUDA does not survive a fork
    with tempfile.TemporaryDirectory() as folder:
        context: Any = multiprocessing.get_context(start)
        ranks = [context.Process(target=_rank, args=(rank, folder, name, device, size)) for rank in range(2)]
        for process in ranks:
            process.start()
        for process in ranks:
            process.join()
        if any(process.exitcode for process in ranks):
            raise RuntimeError(f'a process ended with {[process.exitcode for process in ranks]}')
        weights, losses = zip(*(torch.load(Path(folder) / f'{rank}.pth', weights_only=True) for rank in range(2)))
    different = [key for key, value in weights[0].items() if not torch.equal(value, weights[1][key])]
    if different:
        raise AssertionError(f'the weights of the two differ: {", ".join(different[:3])}')
    return '; '.join(f'process {rank}: {require_falling(values)}' for rank, values in enumerate(losses))


def _rank(rank: int, folder: str, name: str, device: torch.device, size: Size) -> None:
    torch.set_num_threads(1)
    # NCCL refuses two processes on one device.
    dist.init_process_group('gloo', init_method=f'file://{folder}/rendezvous', rank=rank, world_size=2)
    training = Training(CONFIGS.format(name), str(device))
    batch = batch_for(name, size.points, seed=rank)
    model = MMDistributedDataParallel(training.model)
    losses = []
    for _ in range(min(size.steps, 10)):
        losses.append(float(model.train_step(copied(batch), OptimWrapper(training.optimizer))['loss']))
    parameters = {key: value.detach().cpu() for key, value in training.model.named_parameters()}
    torch.save((parameters, losses), Path(folder) / f'{rank}.pth')
    dist.destroy_process_group()
