"""One clip's spectrum: plain, as the stage hands it over, and of the machine alone.

``python -m benchmarks.quality.spectrum RAW/fan REFERENCE/fan/test --picture docs/spectrum.png``
takes a machine type's folder (``train``, ``test``, ``supplemental``) and the clean signals of some
of its test clips. It trains a denoiser, in under a minute on two cores, or takes ``--checkpoint``.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
import librosa
import matplotlib.figure
import numpy as np

from dcase_denoise_plugin import Denoiser
from dcase_denoise_plugin.commands.train import train
from dcase_denoise_plugin.files import written_whole
from dcase_denoise_plugin.sound.audio import read_wav
from dcase_denoise_plugin.sound.spectrogram import Spectrogram

COLOURS = {
    "plain: what the baseline gets": "tab:grey",
    "handed over by the stage": "tab:blue",
    "the machine alone": "black",
}
TICKS_KHZ = (0.25, 0.5, 1, 2, 3, 4, 6)


def spectra_db(denoiser: Denoiser, clip: Path, reference: Path) -> list[np.ndarray]:
    """Mean log-mel spectra of the clip, of what the stage hands over and of the machine alone.

    Returns
    -------
    list of (n_mels,) dB, in the order of `COLOURS`
    """
    spectrogram = Spectrogram(denoiser.checkpoint.features, read_wav(clip)[1], "mel")
    plain, clean = (spectrogram.level_of_wav_db(read_wav(file)[0]) for file in (clip, reference))
    return [level.mean(-1) for level in (plain, denoiser.log_mel(plain), clean)]


def draw(spectra: list[np.ndarray], sample_rate_hz: int, path: Path) -> None:
    """One line a spectrum over the mel bands, with their frequencies below, as a PNG."""
    bands = len(spectra[0])
    centres_hz = librosa.mel_frequencies(n_mels=bands + 2, fmax=sample_rate_hz / 2)[1:-1]
    figure = matplotlib.figure.Figure(figsize=(7.5, 3.6), layout="constrained")
    panel = figure.subplots()
    for (name, colour), spectrum in zip(COLOURS.items(), spectra):
        panel.plot(spectrum, label=name, color=colour)
    shown_khz = [khz for khz in TICKS_KHZ if 1000 * khz <= centres_hz[-1]]
    panel.set_xticks(np.interp(1000 * np.array(shown_khz), centres_hz, range(bands)), shown_khz)
    panel.set(xlabel="frequency [kHz]", ylabel="mean level [dB]", xlim=(0, bands - 1))
    panel.grid(alpha=0.3)
    panel.legend(frameon=False, loc="lower left")
    with written_whole(path) as aside:
        figure.savefig(aside, dpi=110, format="png")


@click.command()
@click.argument("machine", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("references", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--picture", required=True, type=click.Path(path_type=Path), help="The PNG to write.")
@click.option("--clip", help="Name of the test clip [default: the middle one of the normal clips].")
@click.option("--checkpoint", type=click.Path(path_type=Path), help="A trained denoiser to take.")
def main(machine, references, picture, clip, checkpoint):
    """Draw one test clip's spectrum, and print how far each is from the machine's."""
    normal = sorted(file.name for file in references.glob("*_normal_*.wav"))
    clip = clip or normal[len(normal) // 2]
    with tempfile.TemporaryDirectory() as models:
        if not checkpoint:
            checkpoint = Path(models) / "denoiser.pt"
            train.main([str(machine), "--out", str(checkpoint)], standalone_mode=False)
        denoiser = Denoiser.load(checkpoint, "cpu")
    spectra = spectra_db(denoiser, machine / "test" / clip, references / clip)
    draw(spectra, denoiser.checkpoint.sample_rate_hz, picture)
    click.echo(f"{clip}: root mean square distance to the machine alone, over bands")
    for name, spectrum in zip(COLOURS, spectra):
        click.echo(f"  {np.sqrt(((spectrum - spectra[-1]) ** 2).mean()):5.1f} dB  {name}")


if __name__ == "__main__":
    main()
