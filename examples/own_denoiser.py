"""Two denoisers of one's own: a function, and a class that learns from a machine's clips first.

Try either on the made-up machines, from this folder::

    ../run_all.sh -d denoise --demo --set denoise_method=own_denoiser:steadied
    ../run_all.sh -d denoise --demo --set denoise_method=own_denoiser:SpectralSubtraction
"""

import numpy as np
import scipy.ndimage
import scipy.signal

from dcase_denoise_plugin.sound.audio import read_wav


def steadied(log_mel, sample_rate_hz):
    """Each band's running median over 15 frames: (n_mels, frames) dB in and out."""
    return scipy.ndimage.median_filter(log_mel, size=(1, 15))


steadied.domain = "mel"


class SpectralSubtraction:
    """Takes the mean power of the noise recordings out of every frame.

    Source: Boll 1979, with a floor on the gain.
    """

    domain = "waveform"
    floor = 0.1  # of the gain; lower leaves musical noise

    def __init__(self, machine, config):
        files = machine.noise_files or machine.train_files
        self.noise_power = np.mean([self._mean_power(*read_wav(file)) for file in files], axis=0)

    def __call__(self, wav, sample_rate_hz):
        """A clip: float32, (samples,), in and out."""
        stft = self._stft(sample_rate_hz)
        spec = stft.stft(wav)  # (bins, frames)
        power = np.abs(spec) ** 2 + np.finfo(float).tiny
        gain = np.sqrt(np.clip(1 - self.noise_power[:, None] / power, self.floor**2, 1))
        return stft.istft(gain * spec, k1=len(wav)).astype(wav.dtype)

    def _mean_power(self, wav, sample_rate_hz):
        return np.mean(np.abs(self._stft(sample_rate_hz).stft(wav)) ** 2, axis=-1)  # (bins,)

    @staticmethod
    def _stft(sample_rate_hz):
        return scipy.signal.ShortTimeFFT(scipy.signal.windows.hann(1024), 512, sample_rate_hz)
