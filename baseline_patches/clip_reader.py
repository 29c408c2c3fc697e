"""The clips of one list on their way from wav file to feature vectors: those to come are read and
denoised in batches while the loader is at those before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dcase_denoise_plugin.errors import BaselineError
from dcase_denoise_plugin.process import thread_limit
from dcase_denoise_plugin.stage.stage import Stage

# Wav bytes read at once: ten clips of 12 s (16 kHz, 16 bits), one clip of 10 minutes. Their
# vectors, five times as large, are what is kept ahead.
BATCH_BYTES = 4 * 1024**2
OTHER_BASELINE = "It reads its clips in another way than the plugin knows; use a supported version."
# Python's share of the work is serial; more threads only hold more memory.
MOST_THREADS = 8


class ClipReader:
    """Feature vectors of clips, one after the other as the baseline's loader asks for them.

    A context manager: its threads end with it. The first clip of a list is read when it is asked
    for, and shows how this baseline reads its clips. From then on threads take the next ones
    through the baseline's own functions and the stage, as many threads as PyTorch may use. A method
    that takes one clip at a time gets one at a time, in order, in the main thread.
    """

    def __init__(self, stage: Stage):
        self._stage, self._files = stage, list[str]()
        self._ahead: Generator[tuple[str, np.ndarray]] | None = None
        self._load: Callable[[str], Any] | None = None
        self._sample_rate_hz = 0  # of every clip, once the first is there
        self._denoised_wavs: dict[str, tuple[np.ndarray, int]] = {}
        self.threads = min(torch.get_num_threads(), MOST_THREADS)
        self._pool = ThreadPoolExecutor(self.threads)
        # Threads that start in here get one thread of PyTorch's each: two that wait for each other
        # on two busy cores take 20 times as long as one.
        self._one_thread = thread_limit(1 if stage.takes_batches else 0)

    def __enter__(self) -> ClipReader:
        self._one_thread.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._one_thread.__exit__(None, None, None)

    def expect(self, files: Iterable[str]) -> None:
        """Reads ahead: these clips will be asked for, in this order."""
        self._files, self._ahead = [str(file) for file in files], None

    def load(self, path: str, load: Callable[[str], Any]) -> tuple[np.ndarray, int]:
        """(wav, sample rate) of one clip, checked, and denoised if the stage works on waveforms;
        `load` is the baseline's `file_load`.
        """
        self._load = load
        if path in self._denoised_wavs:
            return self._denoised_wavs.pop(path)
        wav, self._sample_rate_hz = self._stage.check_clip(path, load)
        if self._stage.config.domain == "waveform":
            (wav,) = self._stage.denoise([wav], self._sample_rate_hz, [path])
        return wav, self._sample_rate_hz

    def vectors(
        self, path: str, to_vectors: Callable[[str], np.ndarray], n_mels: int, n_frames: int
    ) -> np.ndarray:
        """The (frames - n_frames + 1, n_frames * n_mels) vectors of one clip; `to_vectors` is the
        baseline's `file_to_vectors`, which calls `load`.
        """

        def read(batch: Sequence[str]) -> list[np.ndarray]:
            if self._stage.config.domain == "waveform":
                self._denoise_wavs(batch)
                return [to_vectors(file) for file in batch]
            return self._denoised([to_vectors(file) for file in batch], batch, n_mels, n_frames)

        if self._ahead is None:
            first, *others = self._files or [""]
            self._ahead = self._read_ahead(
                read, others if first == path and self._stage.takes_batches else []
            )
        else:
            expected, ahead = next(self._ahead, ("", None))
            if ahead is not None and expected == path:
                return ahead
            self._ahead.close()
        (vectors,) = read([path])
        if self._load is None:
            raise BaselineError(
                f"baseline: expected its file_to_vectors to read {path} through file_load, got"
                f" vectors without it. {OTHER_BASELINE}"
            )
        return vectors

    def _read_ahead(
        self, read: Callable[[Sequence[str]], list[np.ndarray]], files: Sequence[str]
    ) -> Generator[tuple[str, np.ndarray]]:
        """Each file with its vectors, in order; a batch a thread is at work while those of another
        one are handed over.
        """
        at_work: deque[tuple[list[str], Future[list[np.ndarray]]]] = deque()
        for batch in _batches(files):
            at_work.append((batch, self._pool.submit(read, batch)))
            if len(at_work) > self.threads:
                batch, done = at_work.popleft()
                yield from zip(batch, done.result())
        for batch, done in at_work:
            yield from zip(batch, done.result())

    def _denoise_wavs(self, batch: Sequence[str]) -> None:
        if self._load is not None:
            loaded = [self._stage.check_clip(file, self._load) for file in batch]
            denoised = self._stage.denoise([wav for wav, _ in loaded], self._sample_rate_hz, batch)
            self._denoised_wavs.update(
                (file, (wav, self._sample_rate_hz)) for file, wav in zip(batch, denoised)
            )

    def _denoised(
        self, vectors: Sequence[np.ndarray], batch: Sequence[str], n_mels: int, n_frames: int
    ) -> list[np.ndarray]:
        """Vectors of clips, denoised as the (n_mels, frames) spectrograms they were cut from."""
        log_mels = [
            np.concatenate([clip[:, :n_mels], clip[-1, n_mels:].reshape(n_frames - 1, n_mels)]).T
            for clip in vectors
        ]
        if not np.array_equal(_cut(log_mels[0], n_frames), vectors[0]):
            raise BaselineError(
                f"baseline: expected vectors of {n_frames} frames of {n_mels} mel bands, each a"
                f" frame after the one before, got others for {batch[0]}. {OTHER_BASELINE}"
            )
        return [
            _cut(log_mel, n_frames)
            for log_mel in self._stage.denoise(log_mels, self._sample_rate_hz, batch)
        ]


def _cut(log_mel: np.ndarray, n_frames: int) -> np.ndarray:
    """The baseline's vectors of a spectrogram: (n_mels, frames) -> (frames - n_frames + 1, n_frames
    * n_mels).
    """
    count = log_mel.shape[1] - n_frames + 1
    return np.concatenate(
        [log_mel[:, start : start + count].T for start in range(n_frames)], axis=1
    )


def _batches(files: Sequence[str]) -> Iterator[list[str]]:
    """`files` in order, as many at once as hold `BATCH_BYTES`, but one at least."""
    batch: list[str] = []
    held = 0
    for file in files:
        size = Path(file).stat().st_size
        if batch and held + size > BATCH_BYTES:
            yield batch
            batch, held = [], 0
        batch.append(file)
        held += size
    if batch:
        yield batch
