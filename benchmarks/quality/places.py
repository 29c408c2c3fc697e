"""A denoiser in a place it never heard: other noise, other levels, or ten clips of a machine;
against the one trained there and against none.

``python -m benchmarks.quality.places`` moves the made-up machines from place to place: each clip
keeps its machine and gets the place's noise at its own level. In every place the detector trains on
that place's clips, and the denoiser from home is told of them what ``denoise_checkpoint`` tells it.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import numpy as np

from benchmarks.denoisers import trained
from benchmarks.detectors import denoised, harmonic_mean, linear_scores, log_mels
from benchmarks.options import seeds_option, stage_config, stage_options
from dcase_denoise_plugin.demo import sounds
from dcase_denoise_plugin.demo.machines import MACHINES, noise_clips, test_clips, train_clips
from dcase_denoise_plugin.denoising.adaptation import adapted
from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.sound.audio import write_wav
from dcase_denoise_plugin.sound.machine import Machine

CLIP_S = 4.0
SEED = 0


@dataclasses.dataclass(frozen=True)
class Place:
    """Where the machine stands.

    Attributes
    ----------
    noise : kinds of noise and their shares, None for the machine's own.
    louder_db : level of the noise above the one at home, dB.
    source, target : training clips of each domain.
    test : test clips of each domain and label.
    """

    noise: tuple[tuple[Callable, float], ...] | None = None
    louder_db: float = 0.0
    source: int = 190
    target: int = 10
    test: int = 25

    def clips(self, machine_type: str) -> Iterator[tuple[str, str, np.ndarray]]:
        """(split, file name, wav) of every clip there."""
        train, test = (
            train_clips(machine_type, self.source, self.target, CLIP_S, SEED),
            test_clips(machine_type, self.test, CLIP_S, SEED),
        )
        for split, clips in (("train", train), ("test", test)):
            yield from (
                (split, clip.name, clip.machine + self._noise(clip.name, clip.noise))
                for clip in clips
            )
        yield from (
            ("supplemental", name, self._noise(name, wav))
            for name, wav in noise_clips(machine_type, 30, CLIP_S, SEED)
        )

    def _noise(self, name, at_home):
        gain = 10 ** (self.louder_db / 20)
        if self.noise is None:
            return gain * at_home
        return (
            gain
            * sounds.rms(at_home)
            * sounds.factory(
                np.random.default_rng([SEED, *name.encode()]), self.noise, len(at_home)
            )
        )


HOME = "home"
PLACES = {
    HOME: Place(),
    "noise 10 dB louder": Place(louder_db=10),
    "noise 5 dB louder": Place(louder_db=5),
    "noise 5 dB softer": Place(louder_db=-5),
    "noise 10 dB softer": Place(louder_db=-10),
    "rumble": Place(((sounds.rumble, 1.0),)),
    "hum": Place(((sounds.hum, 1.0),)),
    "air": Place(((sounds.air, 1.0),)),
    "voices": Place(((sounds.voices, 1.0),)),
    "hammers": Place(((sounds.hammer, 1.0),)),
    "ten clips": Place(source=8, target=2),
}


def judged(folder: Path, denoiser: Denoiser | None) -> float:
    """Harmonic mean of the AUCs on the clips in `folder` by the linear detector, behind the
    denoiser or without one, percent.
    """
    (train, _), (test, names) = (log_mels(folder / split) for split in ("train", "test"))
    if denoiser:
        train, test = denoised(denoiser, train), denoised(denoiser, test)
    return harmonic_mean(linear_scores(train, test), names)


@click.command()
@click.argument("machine_types", nargs=-1, type=click.Choice(tuple(MACHINES)))
@stage_options
@seeds_option
def main(machine_types, preset, settings, seeds):
    """Print the harmonic mean of the AUCs in every place: plain, behind the denoiser from home, and
    behind one trained there.
    """
    config = stage_config(preset, settings)
    for machine_type in machine_types or tuple(MACHINES):
        click.echo(
            f"{machine_type}: place                 plain   from home           trained there"
        )
        from_home: list[Denoiser] = []
        for name, place in PLACES.items():
            with tempfile.TemporaryDirectory() as root:
                folder = Path(root) / machine_type
                for split, file, wav in place.clips(machine_type):
                    write_wav(folder / split / file, wav, sounds.SAMPLE_RATE_HZ)
                own = [trained(folder, config, seed) for seed in seeds]
                from_home = from_home or own
                moved = [
                    Denoiser(
                        adapted(
                            denoiser.checkpoint,
                            Machine.from_folder(folder, "DCASE2025T2", seed=seed),
                        ),
                        "cpu",
                    )
                    for denoiser, seed in zip(from_home, seeds)
                ]
                shown = [
                    f"{np.mean(values):5.1f} ±"
                    f" {np.std(values, ddof=1) if len(values) > 1 else 0:3.1f}"
                    for values in (
                        [judged(folder, denoiser) for denoiser in denoisers]
                        for denoisers in (moved, own)
                    )
                ]
                click.echo(
                    f"  {name:26} {judged(folder, None):6.1f}   {'         '.join(shown)}   "
                    f"noise {'known' if own[0].findings.noise_known else 'not in the clips'}"
                )


if __name__ == "__main__":
    main()
