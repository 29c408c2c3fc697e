"""The training clips of a machine as spectra: read once, checked once, kept in memory where they
fit.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from dcase_denoise_plugin.sound.audio import check_fit, read_wav
from dcase_denoise_plugin.sound.images import Scaling
from dcase_denoise_plugin.sound.spectrogram import Spectrogram
from dcase_denoise_plugin.sound.wav_header import check_file

# 2 GB hold 1000 clips of 12 s at 16 kHz; what does not fit is read again whenever it is needed.
MEMORY_BYTES = 2 * 1024**3


class Clips:
    """Spectra of a machine's training clips, by index.

    Raises
    ------
    AudioError
        If a clip cannot be read, has another sample rate than `spectrogram`, or another length or
        number of channels than the first one.
    """

    def __init__(
        self, files: Sequence[Path], spectrogram: Spectrogram, memory_bytes: int = MEMORY_BYTES
    ):
        self.files, self.spectrogram = files, spectrogram
        self.samples, *_, self.channels = check_file(files[0], None)
        first = self._read(0)
        self.frames = first.shape[-1]
        self._kept = None
        if first.nbytes * len(files) <= memory_bytes:
            try:
                self._kept = first.new_empty(
                    len(files), self.frames, first.shape[0]
                )  # one tensor, so that a batch is cut out of it in one go
            except torch.OutOfMemoryError:
                print(
                    f"denoiser: {first.device} has no memory for the {len(files)} clips; reads each"
                    " whenever it is needed",
                    file=sys.stderr,
                    flush=True,
                )
        for index, kept in enumerate(() if self._kept is None else self._kept):
            kept.copy_((self._read(index) if index else first).mT)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> torch.Tensor:
        """Spectrum of one clip, (bins, frames) complex64, bins adjacent in memory."""
        return self._read(index) if self._kept is None else self._kept[index].mT

    def cut(self, clips: torch.Tensor, starts: torch.Tensor, frames: int) -> torch.Tensor:
        """`frames` frames of each of these clips from `starts` on: indices (batch,), (batch,) ->
        (batch, bins, frames) complex64, bins adjacent in memory.
        """
        if self._kept is None:
            return torch.stack(
                [
                    self._read(clip).mT[start : start + frames]
                    for clip, start in zip(clips.tolist(), starts.tolist())
                ]
            ).mT
        places = (clips * self.frames + starts)[:, None] + torch.arange(frames, device=clips.device)
        return self._kept.flatten(0, 1)[places].mT

    @property
    def in_memory(self) -> bool:
        """Whether the spectra lie on the device, so that cutting some out waits for nothing."""
        return self._kept is not None

    def levels_db(self) -> Iterator[torch.Tensor]:
        """Levels of each clip, (rows, frames) dB."""
        return (self.spectrogram.level_db(self[index]) for index in range(len(self)))

    def scaling(self) -> Scaling:
        """Mean level of each row and the one standard deviation around it, over all clips."""
        means = squares = torch.zeros(())
        for level_db in self.levels_db():
            level_db = level_db.double()
            means, squares = means + level_db.mean(-1), squares + level_db.square().mean(-1)
        mean = means / len(self)
        variance = (squares / len(self) - mean.square()).mean()
        return Scaling(mean.float()[:, None], max(variance.item(), 1e-6) ** 0.5)

    def _read(self, index: int) -> torch.Tensor:
        wav, sample_rate_hz = read_wav(self.files[index], self.channels)
        like = f"in {self.files[0]}" if index else "the denoiser was trained at"
        check_fit(
            len(wav),
            sample_rate_hz,
            self.samples,
            self.spectrogram.sample_rate_hz,
            self.files[index],
            like,
        )
        return spectrum(wav, self.spectrogram)


def spectrum(wav: np.ndarray, spectrogram: Spectrogram) -> torch.Tensor:
    """STFT of (samples,) as (bins, frames) with the bins of a frame adjacent in memory, which makes
    cutting out frames cheap.
    """
    return spectrogram.spec(torch.from_numpy(wav).to(spectrogram.window.device)).mT.contiguous().mT
