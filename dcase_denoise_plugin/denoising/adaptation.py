"""What a denoiser must know of a machine's clips besides its weights, and how one that was trained
elsewhere gets to know it.
"""

from __future__ import annotations

import dataclasses

import torch

from dcase_denoise_plugin.denoising.checkpoint import Checkpoint
from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.sound.clip_spectrum import heard_in_pauses
from dcase_denoise_plugin.sound.clips import Clips
from dcase_denoise_plugin.sound.machine import TARGET_MARK, Machine
from dcase_denoise_plugin.sound.spectrogram import Spectrogram

# Usual is what the middle nine tenths get: wide enough for noise that differs from clip to clip,
# and the loudest clip in twenty does not set the limit.
USUAL = (0.05, 0.95)


def knowing_what_is_usual(
    checkpoint: Checkpoint, clips: Clips, device: torch.device | str = "cpu"
) -> Checkpoint:
    """The denoiser with its `usual_db` measured on these training clips, of either domain's, so
    that a few target clips count; if its quantile lies in pauses.

    There the guard costs 1.4 points at most on `fan`; where the mean over time is taken little
    noise is lost, and a guard would take gain and loss alike (docs/quality.md).
    """
    if not heard_in_pauses(checkpoint.quantile):
        return checkpoint
    denoiser = Denoiser(checkpoint, device)
    taken_db = torch.stack(
        [denoiser.taken_from_spectrum_db(level_db) for level_db in clips.levels_db()]
    )  # (clips, rows, 1)
    is_target = torch.tensor(
        [TARGET_MARK in file.name for file in clips.files], device=taken_db.device
    )
    ranges_db = [
        of_domain.quantile(taken_db.new_tensor(USUAL), dim=0)
        for of_domain in (taken_db[~is_target], taken_db[is_target])
        if len(of_domain)
    ]
    least_db, most_db = torch.stack(ranges_db, dim=1)  # (domains, rows, 1) each
    return dataclasses.replace(
        checkpoint, usual_db=torch.stack([least_db.amin(0), most_db.amax(0)]).cpu()
    )


def adapted(
    checkpoint: Checkpoint,
    machine: Machine,
    config: DenoiseConfig,
    device: torch.device | str = "cpu",
) -> Checkpoint:
    """The denoiser with the scaling of `machine`, so that the network meets it centred on its own
    training clips, and with what it usually takes there if that matters to `config`; unchanged if
    it was trained on these.

    Raises
    ------
    AudioError
        If a training clip cannot be read, or has another sample rate than the clips the denoiser
        was trained on.
    """
    if checkpoint.training_digest == machine.training_digest(checkpoint.config):
        return checkpoint
    spectrogram = Spectrogram(
        checkpoint.features, checkpoint.sample_rate_hz, checkpoint.config.domain, device
    )
    clips = Clips(machine.train_files, spectrogram, memory_bytes=0)
    here = dataclasses.replace(checkpoint, scaling=clips.scaling())
    return knowing_what_is_usual(here, clips, device) if here.guarded_by(config) else here
