"""What the denoiser of an arm does to a machine type's test clips: per band, against clean
references, and to the ear.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dcase_denoise_plugin.errors import ConfigError, DataError, DenoiseError
from dcase_denoise_plugin.figures.results import SectionScores
from dcase_denoise_plugin.report import listening
from dcase_denoise_plugin.report.listening import log_mel
from dcase_denoise_plugin.report.surroundings import Checkout
from dcase_denoise_plugin.settings import config as configuration
from dcase_denoise_plugin.settings import sources
from dcase_denoise_plugin.sound.audio import read_channels, read_wav
from dcase_denoise_plugin.sound.far_subtraction import without_noise
from dcase_denoise_plugin.stage.receipts import Receipt

# Beyond it the clips are taken evenly from the list; a clip of 10 s takes some 0.1 s.
MOST_CLIPS = 200
# Below it nothing was removed, and a ratio says nothing.
SILENT = 1e-12


@dataclasses.dataclass
class MachineSound:
    """One machine type through the denoiser of one seed.

    Attributes
    ----------
    function : (samples,) or (samples, 2) and rate in Hz in, (samples,) out; None if
        there is no denoiser to be had, and then `reason` says why.
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
    def from_checkout(
        cls, checkout: Checkout, machine: str, own_method: str | None = None
    ) -> MachineSound:
        """With the denoiser of the first seed that has one; of the user's methods, `own_method`
        alone is imported.
        """
        without = "these results came without a receipt of the denoising stage"
        reason = next(iter(checkout.unreadable), without)
        for own, seed in checkout.results.runs:
            receipt = checkout.receipt(machine, seed) if own == machine else None
            if receipt:
                try:
                    function = _function(checkout, machine, seed, receipt, own_method)
                    return cls(machine, seed, function, "", checkout)
                except (DenoiseError, OSError) as error:
                    reason = str(error)
        return cls(machine, None, None, reason, checkout)

    def measure(self, section: SectionScores) -> list[str]:
        """Fills `removed_db` and `separation` with up to `MOST_CLIPS` clips of a section; what kept
        others from being denoised.
        """
        present = [name for name in section.clips if self.checkout.clip(self.machine, name)]
        places = np.linspace(0, len(present) - 1, min(len(present), MOST_CLIPS))
        wrong = []
        for place in sorted(set(places.round().astype(int))) if self.function else ():
            try:
                self._measure_clip(present[place])
            except (DenoiseError, OSError, ValueError) as error:
                wrong.append(str(error))
        return wrong

    def _measure_clip(self, name: str) -> None:
        features = self.checkout.features(self.machine)
        noisy, denoised, sample_rate_hz = self.pair(name)
        if denoised is None:
            return
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
        """A clip before and after the denoiser, of two channels the near one, and its rate in
        Hz.
        """
        clip, denoised, sample_rate_hz = self._through(name)
        return clip.reshape(len(clip), -1)[:, 0], denoised, sample_rate_hz

    def _through(self, name: str) -> tuple[np.ndarray, np.ndarray | None, int]:
        recording = self.checkout.clip(self.machine, name)
        if recording is None:
            raise DataError(
                f"{self.machine}: expected a recording of {name}, got none in"
                f" {self.checkout.recordings(self.machine)}. Put it there."
            )
        clip, sample_rate_hz = read_channels(recording, None)
        return clip, self.function(clip, sample_rate_hz) if self.function else None, sample_rate_hz

    def sight(self, name: str) -> listening.Sight:
        """The clip to look at and listen to. Raises AudioError if its recording is unfit."""
        clip, denoised, sample_rate_hz = self._through(name)
        return listening.show(clip, denoised, sample_rate_hz, self.checkout.features(self.machine))


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
    checkout: Checkout, machine: str, seed: int, receipt: Receipt, own_method: str | None
) -> Callable[[np.ndarray, int], np.ndarray]:
    """The stage of the run that left the receipt: a built-in one, or `own_method`."""
    if receipt.checkpoint:
        return _denoiser(checkout, machine, seed, receipt, receipt.checkpoint)
    # Here and not above, as below: PyTorch takes a second or two that a page without a denoiser
    # need not wait for.
    from dcase_denoise_plugin.sound.machine import Machine
    from dcase_denoise_plugin.stage.methods import build_method
    from dcase_denoise_plugin.stage.named_method import refuse_foreign
    from dcase_denoise_plugin.stage.own_method import find, with_stated_domain

    config = configuration.DenoiseConfig(**sources.from_keys(receipt.config, "the receipt"))
    asked = own_method if config.method == own_method else None
    first, last = [checkout.baseline] if checkout.baseline else [], [Path.cwd()]
    refuse_foreign(config.method, asked, receipt.method_source, "the receipt", first, last)
    if asked:
        find(asked, first, last)
        config = with_stated_domain(config)
    if config.method == "identity":
        return lambda clip, sample_rate_hz: clip.reshape(len(clip), -1)[:, 0]
    if config.domain != "waveform":
        raise ConfigError(
            f"denoise_domain: expected waveform for a method to listen to, got {config.domain} with"
            f" {config.method} in the receipt. What works on log-mel spectrograms alone cannot be"
            " heard."
        )
    method = build_method(
        Machine.from_folder(
            checkout.recordings(machine), checkout.results.dataset, checkout.features(machine), seed
        ),
        config,
    )
    if asked:
        _refuse_other(method.digest, receipt, f"by denoise_method {asked}")

    def denoised(clip: np.ndarray, sample_rate_hz: int) -> np.ndarray:
        near = clip.reshape(len(clip), -1)[:, 0].copy()
        heard = without_noise(clip, sample_rate_hz) if method.hears_far else near.copy()
        whole = method.of_clip(heard, sample_rate_hz, f"a clip of {machine}")
        method.check(whole, near, f"a clip of {machine}")
        return near - config.strength * (near - whole)

    return denoised


def _denoiser(
    checkout: Checkout, machine: str, seed: int, receipt: Receipt, file: str
) -> Callable[[np.ndarray, int], np.ndarray]:
    """The receipt's checkpoint under the receipt's settings: the file is shared by runs of every
    strength and output, and may be another machine's.
    """
    from dcase_denoise_plugin.denoising.adaptation import adapted
    from dcase_denoise_plugin.denoising.checkpoint import Checkpoint
    from dcase_denoise_plugin.denoising.denoiser import Denoiser
    from dcase_denoise_plugin.sound.machine import Machine

    path = checkout.root / file
    checkpoint = Checkpoint.load(path)
    # A key of another version must not keep a checkpoint from being heard.
    known = {
        key: value for key, value in receipt.config.items() if key in configuration.field_names()
    }
    config = dataclasses.replace(checkpoint.config, **sources.from_keys(known, "the receipt"))
    if config.checkpoint:
        recordings = checkout.recordings(machine)
        checkpoint = adapted(
            checkpoint,
            Machine.from_folder(recordings, checkout.results.dataset, checkpoint.features, seed),
        )
    _refuse_other(checkpoint.digest, receipt, f"in {path}")
    return Denoiser(checkpoint, "cpu", config.strength, config)


def _refuse_other(digest: str, receipt: Receipt, where: str) -> None:
    """What is heard and seen on the page must be what its figures were made behind."""
    if digest != receipt.method_digest:
        raise DenoiseError(
            f"denoiser: expected the one of the run ({str(receipt.method_digest)[:12]}), got"
            f" another one ({digest[:12]}) by now {where}. Put that one back, or run again."
        )
