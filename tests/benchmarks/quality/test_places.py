import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.quality import places
from benchmarks.quality.places import HOME, Place
from dcase_denoise_plugin.demo import sounds
from dcase_denoise_plugin.demo.machines import train_clips


def clips_of(place):
    return {(split, name): wav for split, name, wav in place.clips("fan")}


@pytest.fixture(scope="module")
def machine_alone():
    return {
        ("train", clip.name): clip.machine
        for clip in train_clips("fan", 3, 2, places.CLIP_S, places.SEED)
    }


def noise_of(place, machine_alone):
    clips = clips_of(place)
    return [clips[key] - machine for key, machine in machine_alone.items()]


@pytest.mark.parametrize(
    ("place", "louder_db"),
    [
        (Place(louder_db=10, source=3, target=2, test=0), 10),
        (Place(((sounds.air, 1.0),), -5, 3, 2, 0), -5),
    ],
)
def test_a_place_changes_the_noise_by_its_level_and_leaves_the_machine(
    machine_alone, place, louder_db
):
    at_home, there = (
        noise_of(where, machine_alone) for where in (Place(source=3, target=2, test=0), place)
    )
    for before, after in zip(at_home, there):
        assert 20 * np.log10(sounds.rms(after) / sounds.rms(before)) == pytest.approx(
            louder_db, abs=0.01
        )


def test_other_noise_is_drawn_once_for_a_clip_and_anew_for_the_next(machine_alone):
    air = Place(((sounds.air, 1.0),), source=3, target=2, test=0)
    first, again = noise_of(air, machine_alone), noise_of(air, machine_alone)
    assert (
        all(map(np.array_equal, first, again)) and abs(np.corrcoef(first[0], first[1])[0, 1]) < 0.1
    )


@pytest.mark.slow
def test_the_command_prints_a_line_for_each_place(monkeypatch):
    monkeypatch.setattr(
        places,
        "PLACES",
        {
            HOME: Place(source=4, target=2, test=3),
            "louder": Place(louder_db=10, source=4, target=2, test=3),
        },
    )
    small = [
        argument
        for key in ("epochs=1", "pairs_per_clip=1", "width=2")
        for argument in ("--set", f"denoise_{key}")
    ]
    result = CliRunner().invoke(places.main, ["fan", "--seed", "1", *small])
    assert result.exit_code == 0, result.output
    lines = [line for line in result.stdout.splitlines() if "known" in line]
    plain, moved, own = (float(lines[0][30:].split()[place]) for place in (0, 1, 4))
    assert len(lines) == 2 and lines[0].split()[0] == HOME and moved == own and 0 < plain < 100
