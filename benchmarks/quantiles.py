"""At which quantile over time a machine is heard best: what the rule finds on training clips and noise recordings, against what detection would say.

``python -m benchmarks.quantiles RAW/fan RAW/valve --picture docs/quantiles.png`` takes folders of machine types (``train``, ``test``, ``supplemental``).
The detector is a linear autoencoder of the baseline's shape (principal components of its five-frame vectors, as many as its bottleneck has units): it needs
seconds and no seed, and shows differences between front ends, not the baseline's figures. Test clips are read for the curve alone, never by the rule.
"""
from __future__ import annotations

from pathlib import Path

import click
import librosa
import numpy as np
import sklearn.metrics
import torch

from dcase_denoise_plugin.audio import read_wav
from dcase_denoise_plugin.clip_spectrum import QUANTILES, clip_spectrum, standing_out_quantile
from dcase_denoise_plugin.config import FeatureSettings

BOTTLENECK = 8
VECTOR_FRAMES = 5
FLUCTUATION = 0.5


def log_mel(file: Path, features: FeatureSettings = FeatureSettings()) -> torch.Tensor:
    """Of one clip as the baseline computes it: (n_mels, frames) float32, dB."""
    wav, sample_rate_hz = read_wav(file)
    power = librosa.feature.melspectrogram(y=wav, sr=sample_rate_hz, n_fft=features.n_fft, hop_length=features.hop_length, n_mels=features.n_mels)
    return torch.from_numpy(10 * np.log10(np.maximum(power, 1e-16)))


def at_quantile(clips_db: torch.Tensor, quantile: float | None) -> torch.Tensor:
    """Each clip's spectrum at `quantile` (or its mean) with half of its fluctuation: (clips, n_mels, frames) dB in and out."""
    return clip_spectrum(clips_db, quantile) + FLUCTUATION * (clips_db - clips_db.mean(-1, keepdim=True))


def harmonic_mean_auc(train_db: torch.Tensor, test_db: torch.Tensor, names: list[str]) -> float:
    """AUC source, AUC target and pAUC (percent, harmonic mean) of the linear autoencoder's error on `test_db`."""
    mean = vectors(train_db).mean((0, 1))
    centred = (vectors(train_db) - mean).flatten(0, 1)
    components = torch.linalg.eigh(centred.mT @ centred / len(centred))[1][:, -BOTTLENECK:]
    test = vectors(test_db) - mean
    scores = (test - test @ components @ components.mT).square().mean((1, 2)).numpy()
    anomaly, target = (np.array([mark in name for name in names]) for mark in ("anomaly", "_target_"))
    values = [sklearn.metrics.roc_auc_score(anomaly[own], scores[own]) for own in (anomaly | ~target, anomaly | target)]
    values.append(sklearn.metrics.roc_auc_score(anomaly, scores, max_fpr=0.1))
    return 100 * len(values) / sum(1 / value for value in values)


def vectors(clips_db: torch.Tensor) -> torch.Tensor:
    """(clips, n_mels, frames) -> (clips, frames - 4, 5 * n_mels)."""
    count = clips_db.shape[-1] - VECTOR_FRAMES + 1
    return torch.cat([clips_db[..., start:start + count] for start in range(VECTOR_FRAMES)], dim=1).mT


@click.command()
@click.argument("machines", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--picture", type=click.Path(path_type=Path), help="Where to draw the curves, PNG.")
@click.option("--name", "names", multiple=True, help="What to call each machine, in their order [default: the folder's name].")
def main(machines, picture, names):
    """Print, and draw, the harmonic mean of the AUCs at each quantile, and which one the rule takes."""
    curves = {}
    for folder, name in zip(machines, names or [folder.name for folder in machines]):
        clips = {split: sorted((folder / split).glob("*.wav")) for split in ("train", "test", "supplemental")}
        train, test = (torch.stack([log_mel(file) for file in clips[split]]) for split in ("train", "test"))
        noise = [log_mel(file) for file in clips["supplemental"] if "_noise_" in file.name]
        found = standing_out_quantile(train, noise) if noise else None
        test_names = [file.name for file in clips["test"]]
        plain = harmonic_mean_auc(train, test, test_names)
        values = {quantile: harmonic_mean_auc(at_quantile(train, quantile), at_quantile(test, quantile), test_names) for quantile in (None, *QUANTILES)}
        curves[name] = plain, values, found
        shown = "  ".join(f"{'mean' if quantile is None else quantile} {value:.1f}" for quantile, value in values.items())
        click.echo(f"{name}: plain {plain:.1f}  {shown}  rule: {'mean' if found is None else found}")
    if picture:
        draw(curves, picture)


def draw(curves: dict, picture: Path) -> None:
    """One line a machine type, gain over the untouched clips against the quantile; the rule's choice is marked."""
    from matplotlib.figure import Figure

    figure = Figure((7, 3.6), layout="constrained")
    axes = figure.subplots()
    for name, (plain, values, found) in curves.items():
        (line,) = axes.plot(QUANTILES, [values[quantile] - plain for quantile in QUANTILES], marker=".", label=name)
        if found is not None:
            axes.plot(found, values[found] - plain, "o", markersize=11, markerfacecolor="none", color=line.get_color())
    axes.axhline(0, color="grey", linewidth=0.8)
    axes.set(xlabel="quantile over time (circle: what the rule takes, from training clips and noise recordings alone)",
             ylabel="harmonic mean of AUCs,\npoints over untouched clips")
    axes.legend(frameon=False)
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    main()
