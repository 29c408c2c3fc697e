"""An anomaly followed through a denoiser. Clean sound c, noise n and anomaly a are known.

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

import dataclasses
import math
from collections.abc import Iterable

import numpy as np
import torch

from dcase_denoise_plugin.denoising.denoiser import MASK_DB, Denoiser
from dcase_denoise_plugin.monitor.faults import fault

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
        added = fault(kind, clean, level_db, rng, denoiser.spectrogram.sample_rate_hz)
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
