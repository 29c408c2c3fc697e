"""The short form of the harness: a few damaged files of each kind, and a chain of each fault for a
few commands.
"""

import random

import pytest
from faults import trials
from faults.commands import COMMANDS
from faults.forks import Forks
from faults.harness import damaged
from faults.readers import READERS

from dcase_denoise_plugin.demo.stand_in import lay_out

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", READERS)
def test_a_damaged_file_is_read_or_refused_in_one_line(kind, tmp_path):
    tally = damaged(kind, 5, tmp_path)
    assert tally.failures == [] and tally.counts.total() == 5


@pytest.fixture(scope="module")
def place_of(tmp_path_factory):
    """A command's place; the imports of all of them are made once."""
    top, names = tmp_path_factory.mktemp("faults"), ("run", "train", "apply")
    modules = dict.fromkeys(each for name in names for each in COMMANDS[name].modules)
    with Forks(lay_out(top / "stand_in"), modules) as forks:
        places = {}

        def place(name):
            if name not in places:
                places[name] = trials.Place(name, top, forks)
            return places[name]

        yield place


def chain(place, kind):
    """Some faults of a kind, which one call makes good."""
    rng = random.Random(kind)
    if kind == "descriptors":
        return trials.by_descriptors(3)
    if kind in ("cut off", "too large"):
        return trials.by_size(kind, 3, rng)
    return trials.at_operations(place, kind, 1.0, rng)[:3]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("run", "kill"),
        *(("train", kind) for kind in ("kill", "cut off", "full")),
        *(("apply", kind) for kind in ("kill", "too large", "read-only", "descriptors")),
    ],
)
def test_what_befell_a_command_is_told_in_a_line_and_the_same_one_makes_it_good(
    place_of, name, kind
):
    place = place_of(name)
    assert trials.chains(place, chain(place, kind)).failures == []


@pytest.mark.parametrize("name", ["train", "apply"])
def test_two_of_a_command_at_once_do_no_harm(place_of, name):
    assert trials.at_once(place_of(name), 1).failures == []
