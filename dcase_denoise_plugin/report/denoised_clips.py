"""What the denoiser of an arm does to a machine type's test clips: per band, against clean
references, and to the ear.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from dcase_denoise_plugin.errors import ConfigError, DenoiseError
from dcase_denoise_plugin.figures.score_files import SectionScores
from dcase_denoise_plugin.report import listening
from dcase_denoise_plugin.report.listening import log_mel
from dcase_denoise_plugin.report.surroundings import Checkout
from dcase_denoise_plugin.settings import config as configuration
from dcase_denoise_plugin.settings import sources
from dcase_denoise_plugin.sound.audio import read_wav

# Beyond it the clips are taken evenly from the list; a clip of 10 s takes some 0.1 s.
MOST_CLIPS = 200
# Below it nothing was removed, and a ratio says nothing.
SILENT = 1e-12


@dataclasses.dataclass
class MachineSound:
    """One machine type through the denoiser of one seed.

    Attributes
    ----------
    function : (samples,) and rate in Hz in, (samples,) out; None if there is no denoiser to be had,
        and then `reason` says why.
    removed_db : per clip name, (n_mels,) mean over frames of the level before less the level after.
    separation : per clip name, in dB: SNR before, SNR after, SI-SDR before, SI-SDR after, against
        the clean reference.
    """

    machine: str
    seed: int | None
    function: Callable[[np.ndarray, int], np.ndarray] | None
    reason: str
    checkout: Checkout
    removed_db: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    separation: dict[str, tuple[float, float, float, float]] = dataclasses.field(
        default_factory=dict
    )
    band_centres_hz: np.ndarray | None = None

    @classmethod
    def of(cls, checkout: Checkout, machine: str) -> MachineSound:
        """With the denoiser of the first seed that has one."""
        reason = "these results came without a receipt of the denoising stage"
        for own, seed in checkout.folder.runs:
            receipt = checkout.receipt(machine, seed) if own == machine else {}
            if receipt:
                try:
                    return cls(
                        machine, seed, _function(checkout, machine, seed, receipt), "", checkout
                    )
                except (DenoiseError, OSError) as error:
                    reason = str(error)
                except (KeyError, TypeError, ValueError) as error:
                    reason = (
                        f"the denoiser of seed {seed} cannot be used by this version of the plugin:"
                        f" {error!r}"
                    )
        return cls(machine, None, None, reason, checkout)

    def measure(self, section: SectionScores) -> list[str]:
        """Fills `removed_db` and `separation` with up to `MOST_CLIPS` clips of a section; what kept
        others from being denoised.
        """
        present = [name for name in section.clips if self.checkout.clip(self.machine, name)]
        every = [
            present[index]
            for index in sorted(
                {
                    round(index)
                    for index in np.linspace(0, len(present) - 1, min(len(present), MOST_CLIPS))
                }
            )
        ]
        wrong = []
        for name in every if self.function else ():
            try:
                self._measure_clip(name)
            except (DenoiseError, OSError, ValueError) as error:
                wrong.append(str(error))
        return wrong

    def _measure_clip(self, name: str) -> None:
        features = self.checkout.features(self.machine)
        noisy, denoised, sample_rate_hz = self.pair(name)
        levels = [log_mel(wav, sample_rate_hz, features).mean(axis=1) for wav in (noisy, denoised)]
        self.removed_db[name] = levels[0] - levels[1]
        self.band_centres_hz = listening.band_centres_hz(sample_rate_hz, features)
        clean_file = self.checkout.clean(self.machine, name)
        if clean_file:
            clean, _ = read_wav(clean_file)
            if len(clean) == len(noisy):
                self.separation[name] = (
                    snr_db(noisy, clean),
                    snr_db(denoised, clean),
                    si_sdr_db(noisy, clean),
                    si_sdr_db(denoised, clean),
                )

    def pair(self, name: str) -> tuple[np.ndarray, np.ndarray | None, int]:
        """A clip before and after the denoiser, and its rate in Hz."""
        noisy, sample_rate_hz = read_wav(self.checkout.clip(self.machine, name))
        return (
            noisy,
            self.function(noisy, sample_rate_hz) if self.function else None,
            sample_rate_hz,
        )

    def sight(self, name: str) -> listening.Sight:
        """The clip to look at and listen to. Raises AudioError if its recording is unfit."""
        noisy, denoised, sample_rate_hz = self.pair(name)
        return listening.show(noisy, denoised, sample_rate_hz, self.checkout.features(self.machine))


def snr_db(estimate: np.ndarray, clean: np.ndarray) -> float:
    """Level of the clean signal above all that the estimate has besides it, in dB."""
    return float(
        10
        * np.log10(
            max(np.sum(np.square(clean, dtype=float)), SILENT)
            / max(np.sum(np.square(estimate - clean, dtype=float)), SILENT)
        )
    )


def si_sdr_db(estimate: np.ndarray, clean: np.ndarray) -> float:
    """The same, with the clean signal at the level that fits the estimate best. Source: Le Roux
    2019, eq. 3.
    """
    estimate, clean = estimate.astype(float), clean.astype(float)
    scaled = clean * (estimate @ clean) / max(clean @ clean, SILENT)
    return snr_db(estimate, scaled)


def _function(
    checkout: Checkout, machine: str, seed: int, receipt: dict
) -> Callable[[np.ndarray, int], np.ndarray]:
    """The stage of the run that left the receipt."""
    if receipt.get("checkpoint"):
        return _denoiser(checkout, machine, seed, receipt)
    from dcase_denoise_plugin.sound.machine import Machine
    from dcase_denoise_plugin.stage.methods import build_method
    from dcase_denoise_plugin.stage.own_method import find

    config = configuration.DenoiseConfig(
        **sources.from_keys(dict(receipt["config"]), "the receipt")
    )
    if config.method == "identity":
        return lambda wav, sample_rate_hz: wav
    if config.domain != "waveform":
        raise ConfigError(
            f"denoise_domain: expected waveform for a method to listen to, got {config.domain} with"
            f" {config.method} in the receipt. What works on log-mel spectrograms alone cannot be"
            " heard."
        )
    if config.method not in configuration.BUILT_IN_METHODS:
        find(config.method, (checkout.root,), (Path.cwd(),))
    method = build_method(
        Machine.from_folder(
            checkout.recordings(machine), checkout.folder.dataset, checkout.features(machine), seed
        ),
        config,
    )
    if config.method not in configuration.BUILT_IN_METHODS:
        _refuse_another(method.digest, receipt, config.method)
    return lambda wav, sample_rate_hz: (
        wav - config.strength * (wav - method(wav.copy(), sample_rate_hz))
    )


def _denoiser(checkout, machine, seed, receipt):
    """The receipt's checkpoint under the receipt's settings: the file is shared by runs of every
    strength and output, and may be another machine's.
    """
    from dcase_denoise_plugin.denoising.adaptation import adapted
    from dcase_denoise_plugin.denoising.checkpoint import Checkpoint
    from dcase_denoise_plugin.denoising.denoiser import Denoiser
    from dcase_denoise_plugin.sound.machine import Machine

    path = checkout.root / receipt["checkpoint"]
    checkpoint = Checkpoint.load(path)
    # A key of another version must not keep a checkpoint from being heard.
    known = {
        key: value for key, value in receipt["config"].items() if key in configuration.field_names()
    }
    config = dataclasses.replace(checkpoint.config, **sources.from_keys(known, "the receipt"))
    if config.checkpoint:
        recordings = checkout.recordings(machine)
        checkpoint = adapted(
            checkpoint,
            Machine.from_folder(recordings, checkout.folder.dataset, checkpoint.features, seed),
        )
    _refuse_another(checkpoint.digest, receipt, path)
    return Denoiser(checkpoint, "cpu", config.strength, config)


def _refuse_another(digest: str, receipt: dict, where: str | Path) -> None:
    """What is heard and seen on the page must be what its figures were made behind."""
    if digest != receipt["method_digest"]:
        raise DenoiseError(
            f"denoiser: expected the one of the run ({receipt['method_digest'][:12]}), got another"
            f" one ({digest[:12]}) by now in {where}. Put that one back, or run again."
        )


def typical_clips(section: SectionScores, preferred: Sequence[str] = ()) -> list[str]:
    """Three clips that nobody picked: of normal source, normal target and anomalous clips the one
    of middle score, among `preferred` if any of them are.
    """
    groups = [
        (section.labels == 0) & (section.domains == "source"),
        (section.labels == 0) & (section.domains == "target"),
        section.labels == 1,
    ]
    if not all(group.any() for group in groups):
        groups = (
            [section.labels == 0, section.labels == 1]
            if (section.labels >= 0).any()
            else [section.labels == -1]
        )
    chosen = []
    for group in groups:
        own = [
            index for index in np.flatnonzero(group) if section.clips[index] in preferred
        ] or list(np.flatnonzero(group))
        if own:
            chosen.append(
                section.clips[
                    sorted(own, key=lambda index: section.scores[index])[(len(own) - 1) // 2]
                ]
            )
    return chosen
