import re

import numpy as np
import pytest
import soundfile

from dcase_denoise_plugin.demo import machines
from dcase_denoise_plugin.sound.machine import Machine

NAME = re.compile(
    r"section_00_(source|target)_(train|test)_(normal|anomaly)_\d{4}_spd_\d+Hz_snr_m?\d+\.\d\.wav"
)
SMALL = dict(source_train=6, target_train=2, test=4, noise=3, clip_s=1.5)
MACHINE_TYPES = tuple(machines.MACHINES)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("made")
    machines.make_machines(root, **SMALL)
    return root


def wavs(folder):
    return {path.name: path for path in sorted(folder.glob("*.wav"))}


def samples(path):
    wav, rate_hz = soundfile.read(path, dtype="float64")
    assert rate_hz == 16000
    return wav


def raw(root, machine_type, split):
    return wavs(root / "data/dcase2025t2/dev_data/raw" / machine_type / split)


def reference(root, machine_type):
    return wavs(root / "reference" / machine_type / "test")


def test_two_machine_types_have_names_of_the_development_set(made):
    assert {path.name for path in (made / "data/dcase2025t2/dev_data/raw").iterdir()} == {
        "fan",
        "gearbox",
    }


@pytest.mark.parametrize("machine_type", MACHINE_TYPES)
def test_splits_have_the_asked_sizes_and_dcase_names(made, machine_type):
    train, test, noise = (
        raw(made, machine_type, split) for split in ("train", "test", "supplemental")
    )
    assert all(NAME.fullmatch(name) for name in [*train, *test])
    assert sum("_source_train_normal_" in name for name in train) == 6
    assert sum("_target_train_normal_" in name for name in train) == 2 == len(train) - 6
    for group in (
        "source_test_normal",
        "source_test_anomaly",
        "target_test_normal",
        "target_test_anomaly",
    ):
        assert sum(f"_{group}_" in name for name in test) == 4
    assert list(noise) == [f"section_00_noise_{number:04d}_.wav" for number in range(3)]


@pytest.mark.parametrize("machine_type", MACHINE_TYPES)
def test_the_plugin_reads_the_layout(made, machine_type):
    machine = Machine.from_folder(
        made / "data/dcase2025t2/dev_data/raw" / machine_type, "DCASE2025T2"
    )
    assert (len(machine.train_files), len(machine.noise_files), len(machine.other_files)) == (
        8,
        3,
        8,
    )


def test_every_clip_is_mono_16_bit_of_one_length_and_not_clipped(made):
    clips = list(made.rglob("*.wav"))
    assert len(clips) == 2 * (
        8 + 16 + 3 + 16
    )  # of each machine type: train, test, supplemental, references
    for path in clips:
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.subtype, info.frames) == (
            16000,
            1,
            "PCM_16",
            24000,
        )
        assert 0.01 < np.abs(samples(path)).max() < 0.99


@pytest.mark.parametrize("machine_type", MACHINE_TYPES)
def test_a_test_clip_is_its_clean_reference_plus_noise_at_the_snr_in_its_name(made, machine_type):
    test, clean = raw(made, machine_type, "test"), reference(made, machine_type)
    assert test.keys() == clean.keys()
    for name in test:
        machine, noise = samples(clean[name]), samples(test[name]) - samples(clean[name])
        snr_db = 20 * np.log10(np.std(machine) / np.std(noise))
        assert machines.SNR_RANGE_DB[0] - 0.2 < snr_db < machines.SNR_RANGE_DB[1] + 0.2
        assert (
            abs(snr_db - float(re.search(r"snr_(m?[\d.]+)\.wav", name)[1].replace("m", "-"))) < 0.2
        )
        assert abs(np.corrcoef(machine, noise)[0, 1]) < 0.1


@pytest.mark.parametrize("machine_type", MACHINE_TYPES)
def test_noise_clips_are_as_loud_as_the_noise_in_the_mixtures(made, machine_type):
    low_db, high_db = machines.SNR_RANGE_DB
    clips = raw(made, machine_type, "supplemental").values()
    assert len(clips) == 3
    for path in clips:
        level_db = 20 * np.log10(np.std(samples(path)) / machines.MACHINE_LEVEL)
        assert -high_db - 0.5 < level_db < -low_db + 0.5


def test_the_clean_variant_holds_the_references(made, tmp_path):
    machines.make_machines(tmp_path, **SMALL, machine_types=("fan",), clean=True)
    clean, expected = raw(tmp_path, "fan", "test"), reference(made, "fan")
    assert {name: path.read_bytes() for name, path in clean.items()} == {
        name: path.read_bytes() for name, path in expected.items()
    }


def test_the_same_seed_gives_the_same_bytes_and_another_gives_others(made, tmp_path):
    machines.make_machines(tmp_path / "same", **SMALL, machine_types=("gearbox",))
    machines.make_machines(tmp_path / "other", **SMALL, machine_types=("gearbox",), seed=1)
    first, same, other = (
        [
            path.read_bytes()
            for split in ("train", "test", "supplemental")
            for path in raw(root, "gearbox", split).values()
        ]
        for root in (made, tmp_path / "same", tmp_path / "other")
    )
    assert first == same
    assert not set(first) & set(other)


def test_no_two_clips_are_alike(made):
    contents = [path.read_bytes() for path in (made / "data").rglob("*.wav")]
    assert len(set(contents)) == len(contents)


def test_other_sizes_change_no_clip(made, tmp_path):
    machines.make_machines(
        tmp_path,
        source_train=2,
        target_train=1,
        test=1,
        noise=1,
        clip_s=1.5,
        machine_types=("fan",),
    )
    for split in ("train", "test", "supplemental"):
        there = raw(made, "fan", split)
        assert all(
            path.read_bytes() == there[name].read_bytes()
            for name, path in raw(tmp_path, "fan", split).items()
        )


def test_a_second_run_leaves_right_files_alone_repairs_broken_ones_and_removes_strangers(tmp_path):
    machines.make_machines(tmp_path, **SMALL, machine_types=("fan",))
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.wav")}
    broken, *_ = raw(tmp_path, "fan", "train").values()
    whole = broken.read_bytes()
    broken.write_bytes(whole[:1000])
    (broken.parent / "section_00_stranger.wav").write_bytes(whole)
    machines.make_machines(tmp_path, **SMALL, machine_types=("fan",))
    assert broken.read_bytes() == whole
    assert {path for path in tmp_path.rglob("*.wav")} == times.keys()
    assert {path for path, time in times.items() if path.stat().st_mtime_ns != time} == {broken}


def test_global_random_streams_stay_untouched():
    np.random.seed(0)
    before = np.random.get_state()[1].tolist()
    next(machines.train_clips("fan", 1, 0, 1.0, 0))
    assert np.random.get_state()[1].tolist() == before


@pytest.mark.parametrize("machine_type", MACHINE_TYPES)
def test_every_fault_changes_the_clean_spectrum_more_than_chance_does(machine_type):
    def spectrum_db(fault, number):
        clip = machines._clip(machine_type, "source", "test", fault, number, 4.0, 0)
        power = np.abs(np.fft.rfft(clip.machine / np.std(clip.machine))) ** 2
        return 10 * np.log10(power[: 64000 // 2].reshape(160, -1).mean(axis=1))

    numbers = range(0, 12, 3)  # one speed
    normal = np.array([spectrum_db(None, number) for number in numbers])
    chance = np.abs(normal - normal.mean(axis=0)).mean()
    for fault in machines.MACHINES[machine_type].faults:
        change = np.abs(
            np.mean([spectrum_db(fault, number) for number in numbers], axis=0)
            - normal.mean(axis=0)
        )
        assert change.max() > 4 * chance, fault
