import librosa
import numpy as np
import pytest

from dcase_denoise_plugin.mel import mel_filters


@pytest.mark.parametrize("rate_hz", [8000, 11025, 16000, 44100])
@pytest.mark.parametrize("n_fft", [512, 1000, 1024, 1025])
@pytest.mark.parametrize("n_mels, fmin, fmax", [(128, 0.0, None), (64, 50.0, 3500.0), (40, 1000.0, 3999.5), (16, 20, 900)])
@pytest.mark.filterwarnings("ignore:Empty filters")
def test_the_filters_are_librosas_to_the_last_bit(rate_hz, n_fft, n_mels, fmin, fmax):
    expected = librosa.filters.mel(sr=rate_hz, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax)
    ours = mel_filters(rate_hz, n_fft, n_mels, fmin, fmax)
    assert ours.dtype == np.float32 and np.array_equal(ours, expected)
