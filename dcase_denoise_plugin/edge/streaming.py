"""Denoises sound without end in constant memory: what is pushed comes out denoised, a stated number
of samples later.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from dcase_denoise_plugin.denoising.denoiser import CPU_THREADS, Denoiser
from dcase_denoise_plugin.edge.stream import Stream
from dcase_denoise_plugin.errors import ConfigError
from dcase_denoise_plugin.process import thread_limit
from dcase_denoise_plugin.sound.audio import SHORTEST_CLIP_S


def streaming(denoiser: Denoiser, clip_s: float | None = None) -> Stream:
    """The stream that fits what the denoiser does.

    A denoiser that decides frame by frame becomes a `FrameStream`. One that rests on the whole
    clip (another ``denoise_output``, or a far microphone that helps) has no answer before it is
    over; it becomes a `ClipStream`, which needs `clip_s`, the length of the clips it was trained
    on.

    Raises ConfigError if the latter lacks `clip_s`.
    """
    config = denoiser.config
    two_microphones = denoiser.findings.far_helps
    if config.output == "frames" and not two_microphones:
        return FrameStream(denoiser)
    if clip_s is None:
        why = "two microphones" if two_microphones else f"denoise_output {config.output}"
        raise ConfigError(
            "clip_s: expected the length of a clip for a denoiser that rests on a whole clip"
            f" ({why}), got none. Pass the length of its training clips."
        )
    return ClipStream(denoiser, round(clip_s * denoiser.checkpoint.sample_rate_hz))


class FrameStream(Stream):
    """Tile by tile, each `ImageFormat.step_frames` after the one before.

    The samples are those of `Denoiser.__call__` on the whole sound if its frames fill the tiles
    evenly. Otherwise that one moves its tiles together a little, to end with the sound, and the two
    differ by what the U-Net makes of another cut.
    """

    def __init__(self, denoiser: Denoiser):
        super().__init__(denoiser)
        features, images = denoiser.checkpoint.features, denoiser.checkpoint.images
        self._n_fft, self._hop = features.n_fft, features.hop_length
        self._tile, self._step = images.tile_frames, images.step_frames
        # Frames before one that share samples with it.
        self._context = math.ceil(features.n_fft / features.hop_length)
        self._fade = images.fade(denoiser.scaling.mean_db)
        self._first = 0  # first frame of the next tile; what lies before is settled
        rows, device = denoiser.spectrogram.rows, denoiser.device
        # Faded residuals of earlier tiles, from `_first` on.
        self._sum = torch.zeros(rows, self._tile - self._step, device=device)
        self._weight = torch.zeros(self._tile - self._step, device=device)
        # Spectra of what was taken from the last settled frames.
        bins = features.n_fft // 2 + 1
        self._removed = torch.zeros(bins, 0, dtype=torch.complex64, device=device)
        self.latency_samples = (self._tile - 1) * self._hop + 2 * (self._n_fft // 2) - 1

    def _needed(self) -> int:
        return (self._first + self._tile - 1) * self._hop + self._n_fft // 2

    @thread_limit(CPU_THREADS)
    @torch.inference_mode()
    def _block(self) -> np.ndarray:
        spec = self._spec(self._first, self._first + self._tile)
        residual_db = self._residual_db(spec)
        total, weight = self._joined(residual_db, 0)
        self._sum, self._weight = total[:, self._step :], weight[self._step :]
        done = self._settled(
            spec[:, : self._step],
            total[:, : self._step] / weight[: self._step],
            (self._first + self._step) * self._hop - self._n_fft // 2,
        )
        # A last tile that ends with the sound may start up to a step before the next one.
        self._forget((self._first - self._step - self._context) * self._hop)
        return done

    @thread_limit(CPU_THREADS)
    @torch.inference_mode()
    def _rest(self) -> np.ndarray:
        frames, done = 1 + self._pushed // self._hop, []
        # These lacked only the silence that the STFT adds at the end.
        while self._first + self._tile <= frames:
            done.append(self._block())
        start = max(frames - self._tile, 0)
        spec, out = self._spec(start, frames), self._first - start
        total, weight = self._sum, self._weight
        if start != self._first - self._step:  # else the tile before ends with the sound
            total, weight = self._joined(self._residual_db(spec)[:, out:], out)
        return np.concatenate([*done, self._settled(spec[:, out:], total / weight, self._pushed)])

    def _residual_db(self, spec: torch.Tensor) -> torch.Tensor:
        return self.denoiser.residual_db(self.denoiser.spectrogram.level_db(spec))

    def _spec(self, first: int, end: int) -> torch.Tensor:
        """Spectra of the frames from `first` to before `end`, (bins, frames); sound that is not
        there yet counts as silence.
        """
        before = min(self._context, first)
        stop = min((end - 1) * self._hop + self._n_fft // 2, self._pushed)
        wav = torch.from_numpy(self._sound((first - before) * self._hop, stop))
        spec = self.denoiser.spectrogram.spec(wav.to(self.denoiser.device))
        return spec[:, before : before + end - first]

    def _joined(self, residual_db: torch.Tensor, skipped: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Faded sums and weights from `_first` on, with the residual of a tile that lacks its first
        `skipped` frames.
        """
        weight = self._fade[skipped : skipped + residual_db.shape[1]].clone()
        total, count = residual_db * weight, min(len(self._weight), len(weight))
        total[:, :count] += self._sum[:, :count]
        weight[:count] += self._weight[:count]
        return total, weight

    def _settled(self, spec: torch.Tensor, residual_db: torch.Tensor, stop: int) -> np.ndarray:
        """The samples up to `stop`, now that the residual of the frames from `_first` on is
        known.
        """
        removed = torch.cat([self._removed, spec * (1 - self.denoiser.mask(residual_db))], dim=1)
        start = (self._first - self._removed.shape[1]) * self._hop
        self._first += spec.shape[1]
        self._removed = removed[:, -self._context :]
        if stop <= self._out:
            return np.zeros(0, np.float32)
        wav = self.denoiser.spectrogram.wav(removed, stop - start)[self._out - start :]
        noisy, self._out = self._sound(self._out, stop), stop
        return noisy - np.float32(self.denoiser.strength) * wav.cpu().numpy()


class ClipStream(Stream):
    """Clip by clip, each overlapping the one before by an eighth, in which one fades into the
    other; outside it the samples are `Denoiser.__call__`'s.

    Sound that is shorter in all than the shortest clip which can be denoised passes as it is.
    """

    def __init__(self, denoiser: Denoiser, samples: int):
        super().__init__(denoiser)
        self.samples, self.latency_samples = samples, samples - 1
        self._overlap = samples // 8
        self._rise = (np.arange(self._overlap, dtype=np.float32) + 1) / (self._overlap + 1)
        # Denoised samples from `_out` on, over which the next clip fades in.
        self._tail = np.zeros(0, np.float32)

    def _needed(self) -> int:
        return self._out + self.samples

    def _block(self) -> np.ndarray:
        denoised = self._faded_in(self._out, self._out + self.samples)
        done, self._tail = np.split(denoised, [self.samples - self._overlap])
        self._out += len(done)
        self._forget(self._out - self.samples)
        return done

    def _rest(self) -> np.ndarray:
        # The last clip ends with the sound, and is as long as the others if there is enough.
        start = max(self._pushed - self.samples, 0)
        if self._pushed - start < SHORTEST_CLIP_S * self.denoiser.checkpoint.sample_rate_hz:
            self.untouched_samples, denoised = self._pushed, self._sound(0, self._pushed).copy()
        else:
            denoised = self._faded_in(start, self._pushed)
        self._out = self._pushed
        return denoised

    def _faded_in(self, start: int, stop: int) -> np.ndarray:
        """The clip from `start` to `stop`, denoised, without what is out already; it follows on
        from the tail of the clip before.
        """
        clip = self._wav[start - self._start : stop - self._start]
        denoised, rate_hz = clip[:, 0].copy(), self.denoiser.checkpoint.sample_rate_hz
        if denoised.any():
            denoised = self.denoiser(clip if self._channels > 1 else denoised, rate_hz)
        denoised = denoised[self._out - start :]
        count = min(len(self._tail), len(denoised))
        denoised[:count] += (1 - self._rise[:count]) * (self._tail[:count] - denoised[:count])
        return denoised
