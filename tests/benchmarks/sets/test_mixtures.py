import re

import click
import numpy as np
import pytest

from benchmarks.sets import flights, mixing, motors, toy_cars
from benchmarks.sets.mixing import RATE_HZ, Mixture, depth_of_pauses_db, halves
from dcase_denoise_plugin.sound.audio import write_wav

RNG = np.random.default_rng(0)
CLIP_S = 4


def tone(hz):
    return np.sin(2 * np.pi * hz * np.arange(3 * RATE_HZ) / RATE_HZ)


def peak_hz(wav):
    return np.argmax(np.abs(np.fft.rfft(wav))) / CLIP_S


@pytest.fixture(scope="module")
def mixed():
    alone = {
        (split, domain, label): [0.3 * RNG.standard_normal(CLIP_S * RATE_HZ) for _ in range(3)]
        for split, domain, label in (
            ("train", "source", "normal"),
            ("train", "target", "normal"),
            ("test", "target", "anomaly"),
        )
    }
    mixture = Mixture(
        "tones", [([tone(500)], [tone(1500)])], [([tone(2500)], [tone(3500)])], (-20, -10)
    )
    return alone, list(mixture.clips(alone, np.random.default_rng(1)))


@pytest.mark.parametrize(
    ("split", "domain", "hz"),
    [
        ("train", "source", 500),
        ("train", "target", 2500),
        ("test", "target", 3500),
        ("supplemental", "noise", 500),
    ],
)
def test_each_split_and_domain_has_noise_recordings_of_its_own(mixed, split, domain, hz):
    wavs = [wav for own, name, wav in mixed[1] if own == split and f"_{domain}_" in name]
    assert len(wavs) == (mixing.NOISE_CLIPS if split == "supplemental" else 3)
    assert all(abs(peak_hz(wav) - hz) < 1 for wav in wavs)


def test_a_clip_has_the_snr_in_its_name_and_every_machine_one_level(mixed):
    alone, written = mixed
    for (split, domain, label), machines in alone.items():
        for (_, name, wav), machine in zip(
            [clip for clip in written if f"_{domain}_{split}_{label}_" in clip[1]],
            machines,
            strict=True,
        ):
            machine = mixing.LEVEL * machine / np.sqrt(np.mean(machine**2))
            named_db = -float(re.search(r"_snr_m([\d.]+)\.wav", name)[1])
            assert -10 * np.log10(
                np.mean((wav - machine) ** 2) / np.mean(machine**2)
            ) == pytest.approx(named_db, abs=0.1)
            assert -20 <= named_db <= -10


def whole_numbers(monkeypatch, module, listing, names, seconds):
    """Makes the module read, for the recording of each name, its place in `names` over and over."""
    monkeypatch.setattr(module, "git", lambda repository, *command: listing.encode())
    monkeypatch.setattr(
        module, "recording", lambda repository, path: np.full(seconds * RATE_HZ, names.index(path))
    )


def test_training_and_test_share_no_flight(monkeypatch):
    names = [
        f"Dataset/{kind}/cw_{shape}/{flight}/ch1.wav"
        for kind in ("normal", "1_broken", "2_broken")
        for shape in ("square", "f8")
        for flight in range(50)
    ]
    whole_numbers(monkeypatch, flights, "\n".join(names), names, 45)
    found = {
        key: {int(clip[0]) for clip in wavs}
        for key, wavs in flights.flights("uav", np.random.default_rng(2)).items()
    }
    train, test = (
        set.union(*(of for key, of in found.items() if key[0] == split))
        for split in ("train", "test")
    )
    assert len(train) > 38 and len(test) > 38 and not train & test
    for (_, domain, label), numbers in found.items():
        of = {names[flight] for flight in numbers}
        assert all(
            f"Dataset/{'normal' if label == 'normal' else '2_broken'}/" in name
            and ("_square" in name) == (domain == "source")
            for name in of
        )


def test_a_motor_is_in_one_split_and_domain_and_normal_is_class_0(monkeypatch):
    classes = {f"data{number:03}.wav": "0" if number < 42 else "1*" for number in range(212)}
    listing = "\n".join(
        [
            "Filename,No,Classname,ClassId",
            *(f"{name},1,{of},{of[0]}" for name, of in classes.items()),
        ]
    )
    names = [f"data/sound_files/{name}" for name in classes]
    whole_numbers(monkeypatch, motors, listing, names, 6)
    wavs = motors.motors("motors", np.random.default_rng(2))
    assert [len(clips) for clips in wavs.values()] == [148, 10, 25, 25, 25, 25] and {
        len(clip) for clips in wavs.values() for clip in clips
    } == {5 * RATE_HZ}
    found = {key: {int(clip[0]) for clip in clips} for key, clips in wavs.items()}
    assert sum(map(len, found.values())) == len(set.union(*found.values()))
    assert all(
        (number < 42) == (label == "normal")
        for (_, _, label), numbers in found.items()
        for number in numbers
    )


def test_toy_cars_keep_their_split_domain_and_label(tmp_path):
    for number, kind in enumerate(
        ("source_train_normal", "target_train_normal", "source_test_normal", "target_test_anomaly")
    ):
        write_wav(
            tmp_path / kind.split("_")[1] / f"section_00_{kind}_0003_car_A1.wav",
            np.full(RATE_HZ, (number + 1) / 10),
            RATE_HZ,
        )
    found = toy_cars.toy_cars(tmp_path)
    assert {key: wav[0] for key, (wav,) in found.items()} == pytest.approx(
        {
            ("train", "source", "normal"): 0.1,
            ("train", "target", "normal"): 0.2,
            ("test", "source", "normal"): 0.3,
            ("test", "target", "anomaly"): 0.4,
        },
        abs=1e-3,
    )
    write_wav(tmp_path / "test" / "car.wav", np.full(RATE_HZ, 0.1), RATE_HZ)
    with pytest.raises(
        click.ClickException,
        match=(
            "expected a clip named section_00_<domain>_test_<label>_…, got .*car.wav. Name a"
            " machine type of DCASE."
        ),
    ):
        toy_cars.toy_cars(tmp_path)


def test_halves_share_nothing_and_pauses_have_depth():
    assert halves([1, 2, 3, 4, 5]) == ([1, 3, 5], [2, 4])
    steady = RNG.standard_normal(10 * RATE_HZ)
    pausing = steady * np.where(np.arange(len(steady)) % RATE_HZ < RATE_HZ // 4, 0.01, 1.0)
    assert (
        depth_of_pauses_db(pausing) < depth_of_pauses_db(steady) - 10
        and -5 < depth_of_pauses_db(steady) < -3
    )


def test_a_folder_that_is_no_clone_is_named_with_what_to_do(tmp_path):
    with pytest.raises(
        click.ClickException,
        match=f"expected a clone of the data set in {tmp_path}, got .*Clone the repository",
    ):
        mixing.hu(tmp_path, [1])
