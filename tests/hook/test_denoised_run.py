"""One split through `DenoisedRun.load_split`, with the real stage and a made-up loader that asks
for its clips as the baseline's does.
"""

import argparse
import contextlib
import dataclasses
import json
import pickle
import threading
from pathlib import Path

import numpy as np
import pytest
from small_machine import FEATURES, RATE_HZ, SMALL, small_machine

from baseline_patches import clip_reader
from baseline_patches.denoised_run import DenoisedRun
from baseline_patches.run_files import RunFiles, write_json
from dcase_denoise_plugin.errors import AudioError, DataError
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


def test_a_clip_that_the_baseline_would_pass_over_stops_the_run(settings, tmp_path):
    (tmp_path / "fan/train/clip_9.WAV").touch()
    run = DenoisedRun(arguments(), UNPATCHED)
    loader = Loader(run, 1)
    with pytest.raises(AudioError, match="ends in .wav, in small letters, .* got clip_9.WAV"):
        run.load_split(loader.load_pre_process, loader, settings)


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


def arguments(test_only=False, **config):
    """What the baseline's parser makes of a command line."""
    return argparse.Namespace(
        **dataclasses.replace(SMALL, denoise=True, **config).as_keys(),
        dataset="DCASE2025T2fan",
        seed=7,
        cuda=False,
        test_only=test_only,
        restart=False,
        eval=False,
        export_dir="mine",
        model="AE",
        model_name_suffix="",
    )


def loaded(settings, threads, **config):
    """The run that has loaded the split, and how many threads read ahead, where PyTorch may use
    `threads`.
    """
    run = DenoisedRun(arguments(**config), UNPATCHED)
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


@pytest.fixture
def finished(tmp_path, monkeypatch):
    """A checkout that is the current folder, with a finished training behind a Wiener filter."""
    monkeypatch.chdir(tmp_path)
    files = RunFiles(arguments())
    stage = dataclasses.replace(SMALL, denoise=True, method="wiener", strength=0.5)
    write_json(files.model_receipt, {"config": {**stage.as_keys(), "denoise_gone_since": 1}})
    files.model.touch()
    return files


def test_a_training_behind_another_stage_stops_before_it_overwrites_what_is_finished(finished):
    expected = (
        "^export_dir: expected no finished run of another denoising stage, got one of"
        r" DCASE2025T2fan seed 7 with denoise_method wiener \(now unet\), denoise_strength 0.5"
        r" \(now 1.0\) in models/saved_model/mine. Name another folder by --export_dir=NAME, or"
        " delete"
        " models/saved_model/mine to replace it.$"
    )
    with pytest.raises(DataError, match=expected):
        DenoisedRun(arguments(), UNPATCHED)
    DenoisedRun(arguments(test_only=True), UNPATCHED)  # overwrites no model


def test_a_training_behind_the_same_stage_or_after_one_without_a_model_goes_on(finished):
    DenoisedRun(arguments(method="wiener", strength=0.5, preset="denoise"), UNPATCHED)
    finished.model.unlink()
    DenoisedRun(arguments(), UNPATCHED)


@pytest.mark.parametrize(
    "keys, stops", [({"strength": 0.25}, False), ({"preset": "waveform"}, True)]
)
def test_of_another_version_of_the_plugin_method_and_preset_tell_the_stage(finished, keys, stops):
    noted = json.loads(finished.model_receipt.read_text())
    write_json(finished.model_receipt, {**noted, "plugin_version": "0.0.1"})
    with pytest.raises(DataError) if stops else contextlib.nullcontext():
        DenoisedRun(arguments(method="wiener", **keys), UNPATCHED)


def test_results_of_another_stage_stop_the_training_too(finished):
    scores = finished.scores("MSE")
    scores.mkdir(parents=True)
    finished.model_receipt.rename(scores / finished.model_receipt.name)
    finished.model.unlink()
    DenoisedRun(arguments(), UNPATCHED)  # no CSV: nothing was finished
    (scores / "anomaly_score_DCASE2025T2fan_section_00_test_seed7.csv").touch()
    with pytest.raises(DataError, match="in results/dev_data/mine_MSE. Name another"):
        DenoisedRun(arguments(), UNPATCHED)
