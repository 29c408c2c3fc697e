"""One training in several processes: what they share, and who speaks. In a single process every
function does nothing.

The processes are started by ``torchrun``, on one node or many; each takes its share of every batch,
so that together they do what one process would.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from dcase_denoise_plugin.errors import CheckpointError, DenoiseError, TrainingError, first_line
from dcase_denoise_plugin.process import processes, rank


def from_first(value: Any) -> Any:
    """The `value` that process 0 has, in all of them; also where they wait for it."""
    if processes() == 1:
        return value
    values = [value]
    dist.broadcast_object_list(values)
    return values[0]


def summed(tensor: torch.Tensor) -> torch.Tensor:
    """The sum over all processes."""
    if processes() > 1:
        dist.all_reduce(tensor)
    return tensor


def parallel(network: nn.Module) -> nn.Module:
    """The network with its gradients averaged over all processes; normalisation keeps its
    statistics equal by itself.
    """
    return (
        network if processes() == 1 else DistributedDataParallel(network, broadcast_buffers=False)
    )


@contextlib.contextmanager
def joined() -> Iterator[None]:
    """Joins the processes that torchrun started with this one, if any. The first that fails says
    why, the others end without a word.

    Raises
    ------
    TrainingError
        If another process has gone.
    """
    if not dist.is_torchelastic_launched():
        yield
        return
    store, index, count = next(dist.rendezvous("env://"))
    # torchrun's store outlives a restart; without a place of their own the new processes would look
    # for the old ones' addresses.
    store = dist.PrefixStore(f"restart {os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)}", store)
    try:
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo",
            store=store,
            rank=index,
            world_size=count,
        )
        yield
    except DenoiseError:
        _unless_said(store)
        raise
    except RuntimeError as error:
        _unless_said(store)
        if not lost_another(error):
            raise
        raise TrainingError(
            f"process {index} of {count}: expected the other processes to go on, got"
            f" {first_line(error)}. The same command goes on from the last finished epoch."
        ) from None
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def lost_another(error: RuntimeError) -> bool:
    """Whether it came of another process that has gone; gloo raises bare RuntimeErrors with the
    place in its source.
    """
    return isinstance(error, dist.DistError) or "gloo" in str(error)


def _unless_said(store: dist.Store) -> None:
    """Ends this process if another has said already what failed."""
    with contextlib.suppress(dist.DistError, RuntimeError):  # a store that has gone cannot tell
        if store.add("failed", 1) > 1:
            raise SystemExit(2)


def alone_with(path: Path) -> contextlib.AbstractContextManager:
    """Keeps other trainings from the same file; waits for one that is at it. Raises CheckpointError
    if its folder cannot be written.
    """
    if rank():
        return contextlib.nullcontext()  # process 0 holds it for all
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return filelock.FileLock(f"{path}.lock").acquire()
    except OSError as error:
        raise CheckpointError(
            f"denoiser: expected to write {path}, got {error}. Free space or choose another folder."
        ) from None
