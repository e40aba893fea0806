"""What the stock stack needs to run with current versions of torch; each entry says until when."""
import numpy as np
import torch


def allow_mmengine_checkpoints() -> None:
    """Lets ``torch.load`` with ``weights_only`` read the training history that mmengine stores in its checkpoints.

    Until mmengine allow-lists its own classes (0.10.7 does not). Only what mmengine writes is listed, class by class.
    """
    if not hasattr(torch.serialization, 'add_safe_globals'):  # torch < 2.4 does not restrict by default either.
        return
    from mmengine.logging import HistoryBuffer
    torch.serialization.add_safe_globals([
        HistoryBuffer,
        np.ndarray,
        np.dtype,
        np.empty(0).__reduce__()[0],  # rebuilds an array; its module has another name in numpy 2
        np.float64(0).__reduce__()[0],  # rebuilds a scalar
        type(np.dtype(np.float64)),
        type(np.dtype(np.float32)),
        type(np.dtype(np.int64)),
    ])
