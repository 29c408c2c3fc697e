"""The clips of a list on their way to the loader, with the real stage and a made-up baseline whose
vectors are two frames of a spectrogram side by side.
"""

import dataclasses
import threading

import numpy as np
import pytest
import torch
from small_machine import FEATURES, SMALL, small_machine

from baseline_patches import clip_reader
from baseline_patches.clip_reader import ClipReader
from dcase_denoise_plugin.errors import AudioError, BaselineError, DenoiseError
from dcase_denoise_plugin.process import thread_limit
from dcase_denoise_plugin.sound.audio import read_wav
from dcase_denoise_plugin.sound.spectrogram import Spectrogram
from dcase_denoise_plugin.stage.stage import Stage

N_FRAMES = 2


class Loader:
    """Asks for clips as the baseline's loader does, and keeps account of which were read, and by
    which thread.
    """

    def __init__(self, stage, files, asked=None):
        self.files, self.asked, self.read, self.threads = files, asked or files, [], set()
        self._spectrogram = Spectrogram(FEATURES, 4000, "mel")
        with ClipReader(stage) as self._reader:
            self._reader.expect(files)
            self.vectors = [
                self._reader.vectors(file, self._to_vectors, FEATURES.n_mels, N_FRAMES)
                for file in self.asked
            ]

    def _to_vectors(self, file):
        wav, _ = self._reader.load(file, self._load)
        log_mel = self._spectrogram.level_of_wav_db(wav).astype(float)
        return np.concatenate([log_mel[:, :-1].T, log_mel[:, 1:].T], axis=1)

    def _load(self, file):
        self.read.append(file)
        self.threads.add(threading.current_thread())
        return read_wav(file)


@pytest.fixture
def stage_of(tmp_path):
    machine = small_machine(tmp_path, clips=9)

    def make(method="unet", domain="mel", strength=1.0):
        config = dataclasses.replace(
            SMALL, denoise=True, method=method, domain=domain, strength=strength
        )
        return Stage(machine, config, torch.device("cpu"), tmp_path / "denoisers")

    return make


@pytest.fixture
def files(stage_of, tmp_path):
    return [str(file) for file in sorted((tmp_path / "fan/train").glob("*.wav"))]


@pytest.fixture(autouse=True)
def batches_of_three(monkeypatch, files):
    monkeypatch.setattr(clip_reader, "BATCH_BYTES", 3 * 16100)


@pytest.mark.parametrize("domain", ["mel", "waveform"])
def test_clips_read_ahead_in_batches_are_those_read_one_by_one_in_the_same_order(
    stage_of, files, domain
):
    stage = stage_of(domain=domain)
    together = Loader(stage, files)
    alone = [Loader(stage, [file]).vectors[0] for file in files]
    np.testing.assert_allclose(together.vectors, alone, atol=1e-3)
    assert sorted(together.read) == files and len(together.threads) > 1
    assert not np.allclose(together.vectors[0], together.vectors[1], atol=0.1)


@pytest.mark.parametrize("domain", ["mel", "waveform"])
def test_a_method_of_single_clips_gets_them_in_order_and_in_the_main_thread(
    stage_of, files, domain
):
    loader = Loader(stage_of("identity", domain), files)
    assert loader.read == files and loader.threads == {threading.main_thread()}


def test_a_loader_that_asks_for_other_clips_than_it_listed_gets_those(stage_of, files):
    stage = stage_of()
    asked = [files[0], files[5], files[2], files[1]]
    np.testing.assert_allclose(
        Loader(stage, files, asked).vectors,
        [Loader(stage, [file]).vectors[0] for file in asked],
        atol=1e-3,
    )


def test_the_first_bad_clip_of_the_list_is_named_though_threads_read_ahead(stage_of, files):
    stage = stage_of()
    for file in (files[4], files[5], files[8]):
        with open(file, "wb") as broken:
            broken.write(b"no sound")
    with pytest.raises(AudioError, match="clip_4.wav"):
        Loader(stage, files)


def test_the_thread_count_and_the_random_streams_are_handed_back(stage_of, files):
    stage, threads = stage_of(), torch.get_num_threads()
    numpy_before, torch_before = np.random.get_state()[1].copy(), torch.get_rng_state()
    Loader(stage, files)
    assert torch.get_num_threads() == threads
    assert (np.random.get_state()[1] == numpy_before).all() and torch.equal(
        torch.get_rng_state(), torch_before
    )


def test_no_more_than_a_batch_a_thread_is_read_ahead(stage_of, files, monkeypatch):
    monkeypatch.setattr(clip_reader, "MOST_THREADS", 1)
    loader = Loader(stage_of(), files, asked=files[:2])
    assert set(loader.read) <= set(files[:7]), "the first clip, the batch in hand, and one ahead"


def short_of_memory(stage, images_that_fit):
    network, sizes = stage._method.function.__self__.network, []
    forward = network.forward

    def limited(images):
        sizes.append(len(images))
        if len(images) > images_that_fit:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(images)

    network.forward = limited
    return sizes


def test_too_little_gpu_memory_makes_the_batches_smaller_with_a_line(stage_of, files, capsys):
    whole = Loader(stage_of(domain="waveform"), files).vectors
    stage = stage_of(domain="waveform")
    sizes = short_of_memory(stage, 1)
    np.testing.assert_allclose(Loader(stage, files).vectors, whole, atol=1e-3)
    assert max(sizes) > 1 and sizes[-1] == 1
    assert "has no memory for" in (said := capsys.readouterr().err) and "goes on with 1" in said


def test_a_gpu_without_memory_for_one_image_stops_the_run_in_one_line(stage_of, files):
    stage = stage_of(domain="waveform")
    short_of_memory(stage, 0)
    with pytest.raises(
        DenoiseError,
        match=(
            "GPU memory: expected room for one spectrogram image, got none free for"
            " .*clip_0.wav. End what else runs"
        ),
    ):
        Loader(stage, files)


@pytest.mark.parametrize("domain", ["mel", "waveform"])
def test_a_baseline_that_reads_its_clips_past_file_load_is_refused(stage_of, files, domain):
    with (
        ClipReader(stage_of(domain=domain)) as reader,
        pytest.raises(
            BaselineError, match="expected its file_to_vectors to read .* through file_load"
        ),
    ):
        reader.vectors(
            files[0],
            lambda file: np.ones((10, N_FRAMES * FEATURES.n_mels)),
            FEATURES.n_mels,
            N_FRAMES,
        )


def test_vectors_that_are_cut_in_another_way_are_refused(stage_of, files, monkeypatch):
    to_vectors = Loader._to_vectors
    monkeypatch.setattr(Loader, "_to_vectors", lambda self, file: to_vectors(self, file)[::2])
    with pytest.raises(
        BaselineError,
        match=(
            f"expected vectors of {N_FRAMES} frames of {FEATURES.n_mels} mel bands, each a frame"
            " after the one before"
        ),
    ):
        Loader(stage_of(), files)


@pytest.mark.parametrize(("strength", "inside"), [(0.0, 3), (1.0, 1)])
def test_one_thread_a_clip_but_at_strength_0_as_many_as_the_baseline_has(
    stage_of, strength, inside
):
    with thread_limit(3):
        with ClipReader(stage_of(strength=strength)):
            assert torch.get_num_threads() == inside
        assert torch.get_num_threads() == 3
