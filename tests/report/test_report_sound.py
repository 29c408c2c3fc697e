"""What the denoiser does to clips: measured, chosen and encoded."""

import base64
import dataclasses
import io
import json
import sys

import made_results
import numpy as np
import pytest
import scipy.stats
import soundfile
from PIL import Image
from small_machine import FEATURES, RATE_HZ, SMALL, hiss, hum, small_machine, write

from dcase_denoise_plugin.denoising.adaptation import adapted
from dcase_denoise_plugin.denoising.checkpoint import Checkpoint
from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.figures.comparison import compare
from dcase_denoise_plugin.figures.ranks import most_moved
from dcase_denoise_plugin.figures.results import Results
from dcase_denoise_plugin.report.clips import typical_clips
from dcase_denoise_plugin.report.denoised_clips import (
    MachineSound,
    si_sdr_db,
    snr_db,
)
from dcase_denoise_plugin.report.listening import band_centres_hz, log_mel, show
from dcase_denoise_plugin.report.surroundings import Checkout
from dcase_denoise_plugin.settings.features import FeatureSettings
from dcase_denoise_plugin.sound.machine import Machine
from dcase_denoise_plugin.stage.named_method import code_behind
from dcase_denoise_plugin.stage.own_method import find, source_digest
from dcase_denoise_plugin.training.loop import train_denoiser


def test_snr_and_si_sdr_of_a_known_mixture():
    clean, noise = np.sin(np.arange(16000) / 7), np.cos(np.arange(16000) / 7)
    assert snr_db(clean + 0.1 * noise, clean) == pytest.approx(20, abs=0.01)
    assert si_sdr_db(3 * (clean + 0.1 * noise), clean) == pytest.approx(20, abs=0.01)
    assert snr_db(3 * clean, clean) == pytest.approx(-6.02, abs=0.01)


def decoded(uri):
    return io.BytesIO(base64.b64decode(uri.partition(",")[2]))


def test_pictures_share_a_colour_scale_and_sounds_a_gain():
    noisy = hum(0)
    sight = show(noisy, noisy / 2, RATE_HZ, FEATURES)
    assert set(sight.pictures) == {"noisy", "denoised"} and set(sight.sounds) == {
        "noisy",
        "denoised",
        "removed",
    }
    noisy_pixels, denoised_pixels = (
        np.asarray(Image.open(decoded(sight.pictures[name]))).astype(float)
        for name in ("noisy", "denoised")
    )
    assert noisy_pixels.shape == (16, 32)
    step = 255 * 20 * np.log10(2) / (sight.range_db[1] - sight.range_db[0])
    inside = (noisy_pixels < 255) & (denoised_pixels > 0)
    assert np.median((noisy_pixels - denoised_pixels)[inside]) == pytest.approx(step, abs=1)
    sounds = {name: soundfile.read(decoded(uri)) for name, uri in sight.sounds.items()}
    assert all(rate == 16000 for _, rate in sounds.values())
    levels = {name: np.abs(wav).max() for name, (wav, _) in sounds.items()}
    assert levels["noisy"] == pytest.approx(0.9, abs=0.05) and levels["denoised"] == pytest.approx(
        0.45, abs=0.05
    )
    assert sight.gain_db == pytest.approx(20 * np.log10(0.9 / np.abs(noisy).max()))


def test_of_two_microphones_both_are_heard_and_the_near_one_is_seen():
    both = np.stack([hum(0), hum(1) / 2], axis=1)
    sight = show(both, both[:, 0] / 2, RATE_HZ, FEATURES)
    assert list(sight.sounds) == ["near", "far", "denoised", "removed"]
    assert list(sight.pictures) == ["near", "denoised"]
    levels = [np.abs(soundfile.read(decoded(uri))[0]).max() for uri in sight.sounds.values()]
    np.testing.assert_allclose(levels, [0.9, 0.45, 0.45, 0.45], atol=0.06)


def test_a_recording_of_two_microphones_is_measured_near_and_heard_at_both(tmp_path):
    checkout = checkout_with(tmp_path, {"config": {"denoise_method": "identity"}})
    name = "section_00_source_test_normal_0000.wav"
    file = checkout.clip("fan", name)
    write(file, np.stack([soundfile.read(file)[0], hiss(9)], axis=1))
    sound = MachineSound.from_checkout(checkout, "fan")
    assert sound.measure(checkout.results.sections["fan", 1]["section_00"]) == []
    assert sound.separation[name][0] == pytest.approx(3.1, abs=0.2)
    assert list(sound.sight(name).sounds) == ["near", "far", "denoised", "removed"]


def test_what_removes_nothing_can_be_shown():
    sight = show(hum(0), hum(0), RATE_HZ, FEATURES)
    assert np.abs(soundfile.read(decoded(sight.sounds["removed"]))[0]).max() < 1e-3


def checkout_with(tmp_path, receipt, **places):
    """A results folder of one run on three recordings in a checkout, with a receipt."""
    results = tmp_path / "results" / "dev_data" / "baseline_denoise_MSE"
    names = [
        f"section_00_{domain}_test_{label}_0000.wav"
        for domain, label in (("source", "normal"), ("target", "normal"), ("source", "anomaly"))
    ]
    for index, name in enumerate(names):
        write(
            tmp_path / "data" / "dcase2025t2" / "dev_data" / "raw" / "fan" / "test" / name,
            hum(index) + hiss(index),
        )
        write(tmp_path / "reference" / "fan" / "test" / name, hum(index))
    results.mkdir(parents=True, exist_ok=True)
    made_results.write_rows(
        made_results.score_file(results), [(name, index) for index, name in enumerate(names)]
    )
    settings = {
        "n_fft": FEATURES.n_fft,
        "hop_length": FEATURES.hop_length,
        "n_mels": FEATURES.n_mels,
    }
    (results / "run_DCASE2025T2fan_seed1_id(0_).json").write_text(
        json.dumps({"wanted": {"settings": settings}})
    )
    if receipt:
        (results / "denoise_receipt_DCASE2025T2fan_seed1_id(0_).json").write_text(
            json.dumps(receipt)
        )
    return Checkout(Results.read(results, "MSE"), **places)


def made_with(path):
    """What a receipt says of the denoiser in this file."""
    return {"checkpoint": str(path), "method_digest": Checkpoint.load(path).digest}


def test_a_trained_checkpoint_is_heard_at_the_strength_of_the_run(tmp_path):
    path = tmp_path / "models" / "checkpoint" / "denoiser" / "some" / "denoiser.pt"
    # Loud noise on one side alone: whatever the draws, there is something to take away.
    schedule = dataclasses.replace(
        SMALL,
        epochs=20,
        learning_rate=0.02,
        pairing="to_original",
        noisy_pair_share=1.0,
        snr_db_min=-10.0,
        snr_db_max=0.0,
    )
    train_denoiser(small_machine(tmp_path / "other"), schedule, path, "cpu", lambda line: None)
    removed = {}
    for strength in (0.0, 0.5, 1.0):
        # A receipt of another version may hold keys that this one does not know.
        checkout = checkout_with(
            tmp_path / str(strength),
            {
                "config": {"denoise_strength": strength, "denoise_of_another_version": 1},
                **made_with(path),
            },
        )
        sound = MachineSound.from_checkout(checkout, "fan")
        assert sound.measure(checkout.results.sections["fan", 1]["section_00"]) == [] and (
            sound.reason,
            sound.seed,
        ) == ("", 1)
        assert len(sound.removed_db) == len(sound.separation) == 3
        noisy, denoised, _ = sound.pair("section_00_source_test_normal_0000.wav")
        removed[strength] = noisy - denoised
    assert (
        not removed[0.0].any()
        and removed[1.0].any()
        and np.allclose(removed[0.5], removed[1.0] / 2, atol=1e-6)
    )
    # A hum of amplitude 0.2 in hiss of root mean square 0.1.
    assert all(before == pytest.approx(3.1, abs=0.2) for before, *_ in sound.separation.values())


@pytest.fixture
def shared_denoiser(tmp_path):
    """A denoiser in the checkout, trained by a run of another output."""
    path = tmp_path / "models" / "checkpoint" / "denoiser" / "some" / "denoiser.pt"
    first = dataclasses.replace(SMALL, strength=0.0, output="clip_spectrum", fluctuation=1.0)
    train_denoiser(small_machine(tmp_path / "other"), first, path, "cpu", lambda line: None)
    return path


def test_what_is_heard_is_the_output_of_the_run_and_not_of_the_one_that_trained_the_denoiser(
    tmp_path, shared_denoiser
):
    for fluctuation in (0.0, 1.0):
        config = dataclasses.replace(SMALL, output="clip_spectrum", fluctuation=fluctuation)
        checkout = checkout_with(
            tmp_path / str(fluctuation), {"config": config.as_keys(), **made_with(shared_denoiser)}
        )
        noisy, denoised, rate = MachineSound.from_checkout(checkout, "fan").pair(
            "section_00_source_test_normal_0000.wav"
        )
        expected = Denoiser(Checkpoint.load(shared_denoiser), "cpu", 1.0, config)
        assert np.array_equal(denoised, expected(noisy, rate)) and (
            fluctuation == 1.0 or not np.allclose(denoised, noisy, atol=1e-4)
        )


def test_a_denoiser_of_another_machine_is_heard_with_the_scaling_of_the_one_it_serves(
    tmp_path, shared_denoiser
):
    config = dataclasses.replace(SMALL, checkpoint=str(shared_denoiser))
    receipt = {"config": config.as_keys(), "checkpoint": str(shared_denoiser)}
    raw = checkout_with(tmp_path / "here", None).recordings("fan")
    for index in range(6):
        write(
            raw
            / "train"
            / f"section_00_{'source' if index < 4 else 'target'}_train_normal_{index}.wav",
            0.25 * hum(index),
        )
    here = adapted(
        Checkpoint.load(shared_denoiser),
        Machine.from_folder(raw, "DCASE2025T2", FEATURES, 1),
    )
    checkout = checkout_with(tmp_path / "here", {**receipt, "method_digest": here.digest})
    noisy, denoised, rate = MachineSound.from_checkout(checkout, "fan").pair(
        "section_00_source_test_normal_0000.wav"
    )
    assert not here.scaling.mean_db.equal(Checkpoint.load(shared_denoiser).scaling.mean_db)
    assert np.array_equal(denoised, Denoiser(here, "cpu", 1.0, config)(noisy, rate))


def test_another_denoiser_in_the_place_of_the_runs_is_not_heard(tmp_path, shared_denoiser):
    receipt = {
        "config": dataclasses.replace(SMALL, checkpoint=str(shared_denoiser)).as_keys(),
        "checkpoint": str(shared_denoiser),
        "method_digest": "d" * 64,
    }
    raw = checkout_with(tmp_path / "here", receipt).recordings("fan")
    for index in range(2):
        write(raw / "train" / f"section_00_source_train_normal_{index}.wav", hum(index))
    sound = MachineSound.from_checkout(checkout_with(tmp_path / "here", receipt), "fan")
    assert (
        sound.function is None
        and "got another one" in sound.reason
        and str(shared_denoiser) in sound.reason
    )


@pytest.mark.parametrize(
    "receipt, reason",
    [
        (None, "these results came without a receipt"),
        ({"config": {"denoise_strength": 1}, "checkpoint": "gone.pt"}, "expected a readable file"),
        (
            {"config": {"denoise_method": "spectral_gate", "denoise_domain": "mel"}},
            "got mel with spectral_gate",
        ),
        (
            {"config": 3},
            "seed1_id(0_).json is left out, for it holds: Expected `object`, got `int`",
        ),
    ],
)
def test_without_a_denoiser_the_reason_is_kept_and_the_clip_can_still_be_heard(
    tmp_path, receipt, reason
):
    checkout = checkout_with(tmp_path, receipt)
    sound = MachineSound.from_checkout(checkout, "fan")
    sound.measure(checkout.results.sections["fan", 1]["section_00"])
    assert sound.function is None and reason in sound.reason and not sound.removed_db
    sight = sound.sight("section_00_source_test_normal_0000.wav")
    assert set(sight.sounds) == set(sight.pictures) == {"noisy"}


def test_a_method_that_a_receipt_names_is_never_imported(tmp_path, monkeypatch):
    (tmp_path / "beside_the_baseline.py").write_text("raise SystemExit('code of somebody else')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    receipt = {
        "config": {
            "denoise_method": "beside_the_baseline:quieter",
            "denoise_domain": "waveform",
        },
        "method_digest": "d" * 64,
    }
    sound = MachineSound.from_checkout(checkout_with(tmp_path, receipt), "fan")
    assert sound.function is None and sound.reason == (
        "denoise_method: expected unet, identity, spectral_gate, wiener, far_subtraction,"
        " got 'beside_the_baseline:quieter' in the receipt. Its code is run by monitor, report and"
        " compare alone, if you name it there: --method beside_the_baseline:quieter."
    )
    assert "beside_the_baseline" not in sys.modules


def test_a_method_that_the_command_names_is_heard_if_its_code_is_that_of_the_run(
    tmp_path, monkeypatch
):
    (tmp_path / "mine.py").write_text("def quieter(wav, sample_rate_hz):\n    return wav / 4\n")
    monkeypatch.syspath_prepend(tmp_path)
    method = "mine:quieter"
    source, digest = code_behind(method), source_digest(find(method))
    monkeypatch.delitem(sys.modules, "mine")
    receipt = {
        "config": {
            "denoise_method": method,
            "denoise_domain": "waveform",
            "denoise_strength": 0.5,
        },
        "method_digest": digest,
        "method_source": source,
    }
    checkout = checkout_with(tmp_path / "here", receipt)
    make_machine_clips(checkout.recordings("fan"))
    sound = MachineSound.from_checkout(checkout, "fan", method)
    np.testing.assert_allclose(sound.function(hum(0), RATE_HZ), hum(0) * 0.625, rtol=1e-6)
    monkeypatch.delitem(sys.modules, "mine")
    changed = checkout_with(tmp_path / "there", {**receipt, "method_source": "0" * 64})
    sound = MachineSound.from_checkout(changed, "fan", method)
    assert "expected the code of the training (000000000000)" in sound.reason
    assert "mine" not in sys.modules


def make_machine_clips(folder):
    for index in range(2):
        write(folder / "train" / f"section_00_source_train_normal_{index:04d}.wav", hum(index))


def test_a_record_leads_to_no_recordings_outside_of_a_checkout_that_nobody_named(tmp_path):
    checkout = checkout_with(tmp_path / "theirs", None)
    record = checkout.results.path / "run_DCASE2025T2fan_seed1_id(0_).json"
    settings = {"dataset_directory": str(tmp_path / "mine")}
    record.write_text(json.dumps({"wanted": {"settings": settings}}))
    own = tmp_path / "theirs/data/dcase2025t2/dev_data/raw/fan"
    assert Checkout(checkout.results).recordings("fan") == own
    trusted = Checkout(checkout.results, baseline=tmp_path / "theirs")
    assert trusted.recordings("fan").is_relative_to(tmp_path / "mine")


def test_recordings_and_references_may_lie_elsewhere(tmp_path):
    checkout = checkout_with(
        tmp_path,
        {"config": {"denoise_method": "identity"}},
        data=tmp_path / "data" / "dcase2025t2" / "dev_data" / "raw",
        reference=tmp_path / "nowhere",
    )
    sound = MachineSound.from_checkout(checkout, "fan")
    sound.measure(checkout.results.sections["fan", 1]["section_00"])
    assert len(sound.removed_db) == 3 and not sound.separation


def test_settings_that_were_noted_as_text_are_read_as_the_baseline_reads_them(tmp_path):
    noted = {
        "n_mels": "64",
        "n_fft": "2048",
        "hop_length": 256,
        "power": "1.5",
        "fmin": "20",
        "fmax": "None",
        "win_length": "",
    }
    results = made_results.write_whole_checkout(tmp_path, seeds=(1,), test=1, noted=noted)
    checkout = Checkout(Results.read(results / "baseline_denoise_MSE", "MSE"))
    features = checkout.features("fan")
    assert features == FeatureSettings(2048, 256, None, 64, 1.5, 20.0, None) and [
        type(value) for value in (features.n_fft, features.n_mels)
    ] == [int, int]
    sound = MachineSound.from_checkout(checkout, "fan")
    assert sound.measure(checkout.results.sections["fan", 1]["section_00"]) == [] and {
        len(removed) for removed in sound.removed_db.values()
    } == {64}


def test_the_log_mel_has_a_row_for_each_centre():
    assert len(band_centres_hz(RATE_HZ, FEATURES)) == len(log_mel(hum(0), RATE_HZ, FEATURES)) == 16
    tone = np.sin(2 * np.pi * 700 * np.arange(RATE_HZ) / RATE_HZ).astype(np.float32)
    loudest = log_mel(tone, RATE_HZ, FEATURES).mean(axis=1).argmax()
    assert band_centres_hz(RATE_HZ, FEATURES)[loudest] == pytest.approx(700, rel=0.1)


def folders(tmp_path, count=12):
    results = made_results.write(
        tmp_path, ("fan",), scores=("MSE",), names=lambda machine: made_results.clip_names(count)
    )
    return [Results.read(results / f"{arm}_MSE", "MSE") for arm in made_results.ARMS]


def test_typical_clips_are_those_of_middle_score(tmp_path):
    section = folders(tmp_path)[0].sections["fan", 1]["section_00"]
    chosen = typical_clips(section)
    for name, (label, domain) in zip(chosen, ((0, "source"), (0, "target"), (1, None))):
        own = (section.labels == label) & ((section.domains == domain) if domain else True)
        assert scipy.stats.percentileofscore(
            section.scores[own], section.scores[section.clips.index(name)]
        ) == pytest.approx(50, abs=5)
    assert typical_clips(section, [section.clips[-1]])[1] == section.clips[-1], (
        "a clip with a reference is preferred"
    )


def test_clips_that_moved_most_stand_at_both_ends(tmp_path):
    first, second = folders(tmp_path)
    clip = "section_00_source_test_anomaly_0000.wav"
    for folder, top in ((first, False), (second, True)):
        for sections in folder.sections.values():
            section = sections["section_00"]
            section.scores[section.clips.index(clip)] = 99 if top else -99
    moved = most_moved(compare("MSE", ("a", "b"), (first, second), 0.1))
    assert len(moved) == 6 and (moved[0].clip, moved[0].rise, moved[0].tone) == (clip, 47, "better")
    assert moved == sorted(moved, key=lambda one: -one.rise) and moved[2].rise > 0 > moved[3].rise
