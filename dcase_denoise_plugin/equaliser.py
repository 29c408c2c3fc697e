"""The domain equaliser: takes out of a clip's spectrum what sets the target domain's training clips apart from the source domain's.

A detector trained on a thousand source clips and ten target clips scores the change of domain as if it were a fault. Directions in which the few target clips
lie off the source clips further than as many source clips would by chance are nuisance directions, and are projected out of every clip.
Source: nuisance attribute projection, Solomonoff 2004; the shrinkage by chance is ours.
"""
from __future__ import annotations

import dataclasses

import numpy as np
import torch

CHANCE_DRAWS = 100
# Added to the source covariance, as a multiple of its mean variance, before it is inverted: fewer clips than bands leave it singular.
RIDGE = 0.1


@dataclasses.dataclass(frozen=True)
class Equaliser:
    """A linear map from a clip's spectrum to what is to be taken away from all of its frames.

    Attributes
    ----------
    mean_db : (rows, 1) float32, mean of the spectra of the source domain's training clips.
    projection : (rows, rows) float32; zeros where there is nothing to equalise.
    found : share of each direction that is taken out, 0 … 1; for reading, not for computing.
    """

    mean_db: torch.Tensor
    projection: torch.Tensor
    found: tuple[float, ...] = ()

    @classmethod
    def fit(cls, spectra_db: torch.Tensor, in_target: torch.Tensor, generator: torch.Generator) -> Equaliser:
        """Learns the map from training clips alone.

        Parameters
        ----------
        spectra_db : (clips, rows), the spectrum of each training clip.
        in_target : (clips,) bool.
        generator : source of the draws that say what chance would do.

        Returns
        -------
        Equaliser that changes nothing if a domain has fewer than two clips.
        """
        source, target = (spectra_db[chosen].double().cpu().numpy() for chosen in (~in_target, in_target))
        mean = (source if len(source) else target).mean(axis=0)
        projection, shares = np.zeros((len(mean), len(mean))), np.zeros(0)
        if min(len(source), len(target)) > 1:
            whiten, colour = _whitening(np.cov(source.T))
            source, target = (source - mean) @ whiten, (target - mean) @ whiten
            strengths, directions = _directions(target)
            # Fewer source clips than target clips say of so many directions only what chance would do; the data sets have a hundred times more.
            count = min(len(target), len(source))
            strengths, directions = strengths[:count], directions[:count]
            draws = (source[torch.randperm(len(source), generator=generator)[:count].numpy()] for _ in range(CHANCE_DRAWS))
            chance = np.mean([_directions(draw)[0] for draw in draws], axis=0)
            shares = np.maximum(0, 1 - chance / np.maximum(strengths, 1e-12))
            projection = whiten @ (directions.T * shares) @ directions @ colour
        return cls(torch.from_numpy(mean).float()[:, None], torch.from_numpy(projection).float(), tuple(shares.round(3).tolist()))

    @classmethod
    def nothing(cls, rows: int) -> Equaliser:
        """One that changes nothing."""
        return cls(torch.zeros(rows, 1), torch.zeros(rows, rows))

    def shift_db(self, spectrum_db: torch.Tensor) -> torch.Tensor:
        """What to subtract from every frame of the clip with this spectrum: (rows, 1) dB -> (rows, 1) dB."""
        return self.projection.mT @ (spectrum_db - self.mean_db)

    def to(self, device: torch.device) -> Equaliser:
        return dataclasses.replace(self, mean_db=self.mean_db.to(device), projection=self.projection.to(device))


def _whitening(covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Maps from spectra to coordinates in which source clips scatter alike in all directions, and back."""
    variance, axes = np.linalg.eigh(covariance + max(RIDGE * np.trace(covariance) / len(covariance), 1e-12) * np.eye(len(covariance)))
    return axes / np.sqrt(variance) @ axes.T, axes * np.sqrt(variance) @ axes.T


def _directions(clips: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean square of `clips` (clips, rows) along the directions they span, strongest first (count,), and the directions (count, rows)."""
    _, values, directions = np.linalg.svd(clips / np.sqrt(len(clips)), full_matrices=False)
    return values**2, directions
