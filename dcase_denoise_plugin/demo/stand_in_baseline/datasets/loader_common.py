"""Stand-in for the demo and the tests, not the official baseline: from file names to feature
vectors.
"""

import re
from pathlib import Path

import numpy as np
import soundfile
import torch
import torchaudio.functional

import yaml

DOMAINS = {"source": 0, "target": 1}
LABELS = {"normal": 0, "anomaly": 1}
UNKNOWN = -1


def get_machine_type_dict(dataset_name, mode=True):
    """Sections of every machine type of a data set, by name; development set if `mode`, else
    evaluation set.
    """
    year, split = re.fullmatch(r"DCASE(\d{4})T2", dataset_name).group(1), "dev" if mode else "eval"
    table = yaml.safe_load(
        Path(__file__).with_name(f"machine_type_{year}_{split}.yaml").read_text(encoding="utf-8")
    )
    return {
        machine: sections[split]
        for machine, sections in table[dataset_name]["machine_type"].items()
    }


def file_list_generator(target_dir, section_name, unique_section_names, dir_name, mode, train):
    """Clips of a section, the normal ones first, by name, with label and domain of each; both
    `UNKNOWN` if `mode` says that the names do not tell.
    """
    files = sorted(
        (str(path) for path in Path(target_dir, dir_name).glob(f"{section_name}_*.wav")),
        key=lambda path: (mode and "_anomaly_" in Path(path).name, path),
    )
    if section_name not in unique_section_names or not files:
        raise FileNotFoundError(f"no {section_name}_*.wav in {target_dir}/{dir_name}")
    words = [Path(path).stem.split("_") for path in files]
    domains = [
        next((DOMAINS[word] for word in name if word in DOMAINS), UNKNOWN) if mode else UNKNOWN
        for name in words
    ]
    labels = [
        (
            0
            if train
            else (
                next((LABELS[word] for word in name if word in LABELS), UNKNOWN)
                if mode
                else UNKNOWN
            )
        )
        for name in words
    ]
    return files, np.array(labels), np.array(domains)


def file_load(wav_name, mono=False):
    """(wav float32, (samples,), rate in Hz), or None for a file that cannot be read; of several
    channels the first one.
    """
    try:
        wavs, rate = soundfile.read(wav_name, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError:
        print(f"cannot read {wav_name}")
        return None
    if mono != (wavs.shape[1] == 1):
        raise ValueError(f"{wav_name} has {wavs.shape[1]} channels, which does not fit mono {mono}")
    return wavs[:, 0], rate


def file_to_vectors(
    file_name,
    n_mels=64,
    n_frames=5,
    n_fft=1024,
    hop_length=512,
    power=2.0,
    fmax=None,
    fmin=None,
    win_length=None,
    mono=True,
):
    """float64 (vectors, n_frames * n_mels): each row holds consecutive log-mel frames in dB, one
    after the other.
    """
    wav, rate = file_load(file_name, mono=mono)
    spec = torch.stft(
        torch.from_numpy(wav),
        n_fft,
        hop_length,
        win_length,
        torch.hann_window(win_length or n_fft),
        pad_mode="constant",
        return_complex=True,
    )
    filters = torchaudio.functional.melscale_fbanks(
        n_fft // 2 + 1, fmin or 0.0, fmax or rate / 2, n_mels, rate, "slaney", "slaney"
    )
    mel = (filters.T @ spec.abs() ** power).numpy()
    log_mel = 20.0 / power * np.log10(np.maximum(mel, np.finfo(np.float64).eps, dtype=np.float64))
    windows = np.lib.stride_tricks.sliding_window_view(log_mel, n_frames, axis=1)
    return windows.transpose(1, 2, 0).reshape(windows.shape[1], n_frames * n_mels)
