"""One split through `DenoisedRun.load_split`, with the real stage and a made-up loader that asks
for its clips as the baseline's does.
"""

import argparse
import dataclasses
import pickle
import threading
from pathlib import Path

import numpy as np
import pytest
from small_machine import FEATURES, RATE_HZ, SMALL, small_machine

from baseline_patches import clip_reader
from baseline_patches.denoised_run import DenoisedRun
from dcase_denoise_plugin.process import thread_limit
from dcase_denoise_plugin.sound.audio import read_wav
from dcase_denoise_plugin.sound.spectrogram import Spectrogram

UNPATCHED = {"family": "made up", "warning": None, "fingerprints": {}}
PATIENCE_S = 10


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """What the baseline passes to its `load_pre_process`, for nine clips in a checkout that is the
    current folder.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(clip_reader, "BATCH_BYTES", 3 * 16100)
    small_machine(tmp_path, clips=9)
    return {
        **dataclasses.asdict(FEATURES),
        "n_frames": 2,
        "target_dir": str(tmp_path / "fan"),
        "dir_name": "train",
        "pickle_path": str(tmp_path / "processed/features.pickle"),
        "pickle_name": "features.pickle",
    }


class Loader:
    """Loads a split; its threads that read ahead wait for each other, so that none is idle while
    another one does all the work.
    """

    def __init__(self, run, expected_ahead):
        self.run, self.expected_ahead, self.ahead, self._all_there = (
            run,
            expected_ahead,
            set(),
            threading.Event(),
        )
        self.basenames = []

    def load_pre_process(self, target_dir, dir_name, pickle_path, **settings):
        files = [str(file) for file in sorted(Path(target_dir, dir_name).glob("*.wav"))]
        self.run.expect(files)
        if True:
            vectors = [self.run.vectors(file, self._file_to_vectors, settings) for file in files]
        self.basenames = files
        Path(pickle_path).write_bytes(pickle.dumps(np.stack(vectors)))

    def _file_to_vectors(self, path):
        wav, _ = self.run.load_clip(path, self._file_load)
        spectrogram = Spectrogram(FEATURES, RATE_HZ, "mel")
        log_mel = spectrogram.level_of_wav_db(wav).astype(float)
        return np.concatenate([log_mel[:, :-1].T, log_mel[:, 1:].T], axis=1)

    def _file_load(self, path):
        if threading.current_thread() is not threading.main_thread():
            self.ahead.add(threading.current_thread())
            if len(self.ahead) == self.expected_ahead:
                self._all_there.set()
            self._all_there.wait(PATIENCE_S)
        return read_wav(path)


def loaded(settings, threads, **config):
    """The run that has loaded the split, and how many threads read ahead, where PyTorch may use
    `threads`.
    """
    keys = dataclasses.replace(SMALL, denoise=True, **config).as_keys()
    run = DenoisedRun(
        argparse.Namespace(
            **keys,
            dataset="DCASE2025T2fan",
            seed=7,
            cuda=False,
            test_only=False,
            eval=False,
            export_dir="mine",
            model="AE",
            model_name_suffix="",
        ),
        UNPATCHED,
    )
    loader = Loader(run, min(threads, 2))
    with thread_limit(threads):
        run.load_split(loader.load_pre_process, loader, settings)
    return run, len(loader.ahead)


def features(settings, threads, domain, **config):
    """The pickle of the split, and how many threads read ahead."""
    run, ahead = loaded(settings, threads, domain=domain, **config)
    made = Path(run.splits["train"]["features"], "features.pickle")
    content = made.read_bytes()
    made.unlink()
    return content, ahead


@pytest.mark.parametrize("domain", ["mel", "waveform"])
def test_as_many_threads_read_ahead_as_pytorch_may_use_and_the_features_are_the_same_bytes(
    settings, domain
):
    alone, one = features(settings, 1, domain)
    together, several = features(settings, 2, domain)
    assert (one, several) == (1, 2) and together == alone


def test_features_are_made_anew_by_other_code_of_the_baselines_loader(settings):
    code = Path("datasets/loader_common.py")
    code.parent.mkdir()
    code.write_text("FLOOR = 1e-16")
    splits = [loaded(settings, 1, method="identity")[0].splits["train"] for _ in range(2)]
    code.write_text("FLOOR = 1.0")
    splits.append(loaded(settings, 1, method="identity")[0].splits["train"])
    assert [split["cached"] for split in splits] == [False, True, False]
    assert len({split["features"] for split in splits}) == 2
