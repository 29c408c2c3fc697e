"""Do anomalies survive? Known anomalies are added to known clean machine sound in known noise, and
followed through the denoiser.

``python -m benchmarks.survival RAW/fan REFERENCE/fan/test`` takes a machine type's folder and the
clean signals of (some of) its test clips; a clip's noise is what it has more than its reference.
``--made-up fan`` makes a machine instead. Every kind and level of anomaly a is looked at with clean
sound c and noise n:

*Through the gain.* What the denoiser does to c + a + n is a gain for every band and frame. The same
gain, put on a alone, on n alone and on c alone, says how much of each goes. It is the usual
decomposition (Vincent 2006). A stage that hands over one spectrum for the whole clip lowers
everything, the machine included, which no detector sees; so anomaly and noise are read relative to
the machine.

*In what is handed over.* With L for the log-mel spectrum and D for what the stage makes of it, the
anomaly's effect D(c + a + n) - D(c + n) is projected on what the clean sounds differ by, L(c + a) -
L(c): 1 means that the anomaly shows as if there were no noise. That is done for the mean spectrum
and for the fluctuation around it, and compared to what the plain baseline gets, L(c + a + n) - L(c
+ n): their squared ratio is the energy kept. The noise's effect is D(c + n) - D(c), by how much it
varies from clip to clip (what it does to all clips alike is normal to a detector), against that of
L(c + n) - L(c).
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
import numpy as np
import torch

from benchmarks.anomalies import KINDS, anomaly
from benchmarks.options import stage_config, stage_options
from dcase_denoise_plugin.demo.machines import MACHINES, REFERENCE_FOLDER, make_machines
from dcase_denoise_plugin.denoising.denoiser import MASK_DB, Denoiser
from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.sound.audio import read_wav
from dcase_denoise_plugin.sound.machine import Machine
from dcase_denoise_plugin.training.loop import train_denoiser

LEVELS_DB = (-10.0, 0.0, 10.0)
KEPT_SHARE, NOISE_LOSS_DB = 0.9, 6.0


@dataclasses.dataclass(frozen=True)
class Part:
    """How much of an anomaly shows in one part of the spectrogram, as a share of what shows without
    noise: in the plain clip, and after the stage.
    """

    plain: float
    denoised: float

    @property
    def kept(self) -> float:
        """Share of the anomaly's energy in the plain, noisy clip that is still there after the
        stage; above 1 where the stage brings it out.
        """
        return (self.denoised / self.plain) ** 2 if self.denoised > 0 else 0.0


@dataclasses.dataclass(frozen=True)
class Survival:
    """What becomes of one kind of anomaly and of the noise around it.

    Attributes
    ----------
    machine_db, anomaly_db, noise_db : by how much the gain changes the energy of each.
    spectrum, fluctuation : the anomaly in the handed-over mean spectrum, and in what varies around
        it.
    noise_loss_db : by how much the noise's effect on the handed-over mean spectrum is smaller than
        on the plain one.
    """

    machine_db: float
    anomaly_db: float
    noise_db: float
    spectrum: Part
    fluctuation: Part
    noise_loss_db: float

    @property
    def gain_holds(self) -> bool:
        """Whether the gain leaves nine tenths of the anomaly's energy where the noise loses 6 dB,
        both relative to the machine.
        """
        return (
            self.anomaly_db - self.machine_db >= 10 * math.log10(KEPT_SHARE)
            and self.machine_db - self.noise_db >= NOISE_LOSS_DB
        )

    @property
    def spectrum_holds(self) -> bool:
        """Whether the anomaly keeps nine tenths of its energy in the mean spectrum where the
        noise's effect loses 6 dB.
        """
        return self.spectrum.kept >= KEPT_SHARE and self.noise_loss_db >= NOISE_LOSS_DB


def survival(
    denoiser: Denoiser,
    sounds: Iterable[tuple[np.ndarray, np.ndarray]],
    kind: str,
    level_db: float,
    rng: np.random.Generator,
) -> Survival:
    """Follows an anomaly of one `kind` in every sound, `level_db` above the machine, through the
    denoiser.

    Parameters
    ----------
    sounds : (clean, noise), each (samples,), full scale ±1, at the denoiser's sample rate; two at
        least.
    """
    sums = _Sums()
    for clean, noise in sounds:
        added = anomaly(kind, clean, level_db, rng, denoiser.spectrogram.sample_rate_hz)
        sums.add(
            denoiser,
            *(
                _level_db(denoiser, wav)
                for wav in (
                    clean,
                    clean + added,
                    clean + noise,
                    clean + added + noise,
                    added,
                    noise,
                )
            ),
        )
    return sums.result()


class _Sums:
    """Energies and projections over clips, so that quiet effects do not turn into wild ratios."""

    def __init__(self):
        self.energies = np.zeros((3, 2))  # (machine, anomaly, noise) x (before, after the gain)
        self.parts = np.zeros(
            (2, 3)
            # (mean spectrum, fluctuation) x (clean effect's energy, plain projection, denoised
            # projection)
        )
        self.noise_effects: list[
            tuple[np.ndarray, np.ndarray]
        ] = []  # of each clip: plain and denoised, (rows,) dB

    def add(self, denoiser, clean, faulty, noisy, mixture, added, noise):
        denoised = {
            name: _denoised_db(denoiser, level)
            for name, level in (("clean", clean), ("noisy", noisy), ("mixture", mixture))
        }
        gain = 10 ** ((denoised["mixture"] - mixture) / 10)
        for energies, component in zip(self.energies, (clean, added, noise)):
            power = 10 ** (component / 10)
            energies += power.sum(), (gain * power).sum()
        for sums, part in zip(self.parts, (_mean, _around_mean)):
            effect = part(faulty - clean)
            sums += (
                (effect**2).sum(),
                (part(mixture - noisy) * effect).sum(),
                (part(denoised["mixture"] - denoised["noisy"]) * effect).sum(),
            )
        self.noise_effects.append(
            (_mean(noisy - clean), _mean(denoised["noisy"] - denoised["clean"]))
        )

    def result(self) -> Survival:
        parts = [
            Part(float(plain / clean), float(denoised / clean))
            for clean, plain, denoised in self.parts
        ]
        plain, denoised = np.var(self.noise_effects, axis=0).sum(-1)
        return Survival(
            *(10 * math.log10(after / before) for before, after in self.energies),
            *parts,
            10 * math.log10(plain / denoised),
        )


def _mean(level_db):
    return level_db.mean(-1)


def _around_mean(level_db):
    return level_db - level_db.mean(-1, keepdims=True)


def _level_db(denoiser, wav):
    return denoiser.spectrogram.level_of_wav_db(wav.astype(np.float32)).astype(float)


@torch.inference_mode()
def _denoised_db(denoiser, level_db):
    gain_db = (
        -denoiser.strength
        * denoiser.residual_db(torch.from_numpy(level_db).float().to(denoiser.device))
        .double()
        .cpu()
        .numpy()
    )
    return level_db + (gain_db.clip(*MASK_DB) if denoiser.domain == "waveform" else gain_db)


def known_sounds(test: Path, reference: Path, most: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """(clean, noise) of at most `most` normal test clips, evenly out of those that have a reference
    of the same name.
    """
    files = sorted(reference.glob("*_normal_*.wav"))
    sounds = []
    for file in files[:: math.ceil(len(files) / most)]:
        clean, mixture = (
            read_wav(folder / file.name)[0].astype(np.float64) for folder in (reference, test)
        )
        sounds.append((clean, mixture - clean))
    return sounds


@contextlib.contextmanager
def machine_folders(
    raw: Path | None, reference: Path | None, made_up: str | None
) -> Iterator[tuple[Path, Path]]:
    """The machine's folder and its references, made for the time being if a made-up one is
    wanted.
    """
    if not made_up:
        yield raw, reference
        return
    with tempfile.TemporaryDirectory() as folder:
        (machine,) = make_machines(
            Path(folder), source_train=190, target_train=10, machine_types=(made_up,)
        )
        yield machine, Path(folder) / REFERENCE_FOLDER / made_up / "test"


def trained(folder: Path, config: DenoiseConfig, seed: int) -> Denoiser:
    """A denoiser trained on the machine in `folder`; its file is not kept."""
    with tempfile.TemporaryDirectory() as models:
        path = Path(models) / "denoiser.pt"
        train_denoiser(
            Machine.from_folder(folder, "DCASE2025T2", seed=seed),
            config,
            path,
            torch.device("cpu"),
        )
        return Denoiser.load(path, "cpu")


@click.command()
@click.argument(
    "raw", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False)
)
@click.argument(
    "reference", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False)
)
@click.option(
    "--made-up",
    type=click.Choice(tuple(MACHINES)),
    help="A made-up machine instead of RAW and REFERENCE.",
)
@stage_options
@click.option("--clips", default=16, show_default=True, help="Most clips to look at.")
@click.option("--seed", default=13711, show_default=True)
def main(raw, reference, made_up, preset, settings, clips, seed):
    """Train a denoiser and print what becomes of known anomalies."""
    if not made_up and reference is None:
        raise click.UsageError("expected RAW and REFERENCE, or --made-up.")
    config = stage_config(preset, settings)
    with machine_folders(raw, reference, made_up) as (folder, references):
        denoiser = trained(folder, config, seed)
        sounds = known_sounds(folder / "test", references, clips)
    click.echo(
        f"{made_up or raw.name}, {preset}: {len(sounds)} normal clips, clip level"
        f" {denoiser.findings.quantile or 'mean'}, epochs {denoiser.checkpoint.epochs}"
    )
    click.echo(
        " anomaly    dB | gain on machine anomaly   noise dB        | mean spectrum: plain denoised"
        "   kept  noise dB        | fluctuation: plain denoised"
    )
    for kind in KINDS:
        for level_db in LEVELS_DB:
            found = survival(denoiser, sounds, kind, level_db, np.random.default_rng(seed))
            own, around = found.spectrum, found.fluctuation
            click.echo(
                f"{kind:>9} {level_db:5.0f} | {found.machine_db:15.1f} {found.anomaly_db:7.1f}"
                f" {found.noise_db:7.1f}    {_verdict(found.gain_holds)} | {own.plain:20.2f}"
                f" {own.denoised:8.2f} {own.kept:6.2f} {-found.noise_loss_db:9.1f}"
                f" {_verdict(found.spectrum_holds)} | {around.plain:18.2f} {around.denoised:8.2f}"
            )


def _verdict(holds):
    return "holds " if holds else "FAILS "


if __name__ == "__main__":
    main()
