from pathlib import Path

import pytest

from dcase_denoise_plugin.errors import DataError
from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.sound.machine import Machine, manifest


def folder_with(root, machine, names):
    for name in names:
        path = root / machine / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"clip")
    return root / machine


@pytest.fixture
def fan(tmp_path):
    folder_with(tmp_path, "valve", ["train/v.wav", "test/secret.wav"])
    return folder_with(
        tmp_path,
        "fan",
        [
            "train/b.wav",
            "train/a.wav",
            "test/anomaly.wav",
            "supplemental/section_00_noise_0000_.wav",
            "supplemental/section_00_machine_0000_.wav",
        ],
    )


def names(files):
    return [file.name for file in files]


def test_training_sees_the_train_folder_sorted_and_no_test_clip(fan):
    machine = Machine.from_folder(fan, "DCASE2025T2")
    seen = names(
        machine.train_files + machine.noise_files + machine.machine_files + machine.other_files
    )
    assert names(machine.train_files) == ["a.wav", "b.wav"] and not {
        "anomaly.wav",
        "secret.wav",
    } & set(seen)


def test_only_noise_clips_of_the_supplement_count_as_noise(fan):
    assert names(Machine.from_folder(fan, "DCASE2025T2").noise_files) == [
        "section_00_noise_0000_.wav"
    ]


def test_clips_of_the_machine_alone_are_kept_apart_from_noise_and_training_clips(fan):
    folder_with(
        fan.parent,
        "fan",
        ["supplemental/section_00_machine_noise_0001_.wav", "supplemental/notes.wav"],
    )
    machine = Machine.from_folder(fan, "DCASE2025T2")
    assert names(machine.machine_files) == ["section_00_machine_0000_.wav"]
    assert names(machine.noise_files) == [
        "section_00_machine_noise_0001_.wav",
        "section_00_noise_0000_.wav",
    ]


def test_other_machines_lend_their_training_clips(fan):
    assert names(Machine.from_folder(fan, "DCASE2025T2").other_files) == ["v.wav"]


def test_the_current_folder_and_a_link_have_the_name_they_are_called_by(fan, monkeypatch):
    whole = Machine.from_folder(fan, "DCASE2025T2")
    monkeypatch.chdir(fan)
    assert Machine.from_folder(Path("."), "DCASE2025T2") == whole
    (fan.parent / "link").symlink_to(fan)
    assert Machine.from_folder(fan.parent / "link", "DCASE2025T2").machine_type == "link"


@pytest.mark.parametrize("count", [0, 1])
def test_a_machine_with_too_few_clips_is_refused(tmp_path, count):
    folder = folder_with(tmp_path, "fan", ["train/a.wav"][:count])
    with pytest.raises(
        DataError, match=f"machine fan: expected at least 2 training clips .*, got {count} in"
    ):
        Machine.from_folder(folder, "DCASE2025T2")


@pytest.mark.parametrize("clip", ["section_00_noise_0000_.wav", "section_00_machine_0000_.wav"])
def test_the_training_digest_follows_both_kinds_of_supplemental_clips(fan, clip):
    before = Machine.from_folder(fan, "DCASE2025T2").training_digest(DenoiseConfig())
    (fan / "supplemental" / clip).write_bytes(b"another clip")
    assert Machine.from_folder(fan, "DCASE2025T2").training_digest(DenoiseConfig()) != before


def test_the_training_digest_follows_clips_seed_and_nothing_in_test(fan):
    before = Machine.from_folder(fan, "DCASE2025T2").training_digest(DenoiseConfig())
    (fan / "test" / "more.wav").write_bytes(b"clip")
    assert Machine.from_folder(fan, "DCASE2025T2").training_digest(DenoiseConfig()) == before
    assert (
        Machine.from_folder(fan, "DCASE2025T2", seed=1).training_digest(DenoiseConfig()) != before
    )
    (fan / "train" / "a.wav").write_bytes(b"another clip")
    assert Machine.from_folder(fan, "DCASE2025T2").training_digest(DenoiseConfig()) != before


def test_the_training_digest_follows_the_users_noise_recordings_where_they_train_the_denoiser(
    fan, tmp_path
):
    noise, machine = tmp_path / "noise", Machine.from_folder(fan, "DCASE2025T2")
    noise.mkdir()
    (noise / "yard.wav").write_bytes(b"noise")
    config = DenoiseConfig(noise_source=str(noise))
    before = machine.training_digest(config), machine.training_digest(DenoiseConfig())
    (noise / "hall.wav").write_bytes(b"noise")
    assert (
        machine.training_digest(config) != before[0]
        and machine.training_digest(DenoiseConfig()) == before[1]
    )


def test_a_link_to_nothing_counts_as_another_file_than_what_it_will_lead_to(tmp_path):
    (tmp_path / "a.wav").symlink_to("stored")
    ((name, *before),) = manifest([tmp_path / "a.wav"])
    (tmp_path / "stored").write_text("sound")
    ((same_name, *after),) = manifest([tmp_path / "a.wav"])
    assert name == same_name == "a.wav" and before != after
