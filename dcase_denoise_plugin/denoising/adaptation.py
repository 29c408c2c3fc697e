"""What a denoiser must know of a machine's clips besides its weights, and how one that was trained
elsewhere gets to know it.
"""

from __future__ import annotations

import dataclasses

import torch

from dcase_denoise_plugin.denoising.checkpoint import Checkpoint
from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.denoising.findings import with_far_microphone
from dcase_denoise_plugin.sound.clips import Clips
from dcase_denoise_plugin.sound.machine import TARGET_MARK, Machine
from dcase_denoise_plugin.sound.spectrogram import Spectrogram

# The guard's range is what the middle nine tenths get: wide enough for noise that differs from clip
# to clip, and the loudest clip in twenty does not set the limit.
USUAL = (0.05, 0.95)


def with_guard(
    checkpoint: Checkpoint, clips: Clips, device: torch.device | str = "cpu"
) -> Checkpoint:
    """The denoiser with the guard's range measured on these training clips, if it works in pauses.

    The range is the wider one of the two domains, so that a few target clips count. In pauses the
    guard costs 1.4 points at most on `fan`. Where the mean over time is taken there is none: it
    would take gain and loss alike.
    """
    if not (checkpoint.findings.in_pauses and checkpoint.uses_network):
        return checkpoint
    denoiser = Denoiser(checkpoint, device)
    # (clips, rows, 1)
    taken_db = torch.stack([denoiser.taken_from_spectrum_db(level) for level in clips.levels_db()])
    in_target = [TARGET_MARK in file.name for file in clips.files]
    is_target = torch.tensor(in_target, device=taken_db.device)
    ranges_db = [
        of_domain.quantile(taken_db.new_tensor(USUAL), dim=0)
        for of_domain in (taken_db[~is_target], taken_db[is_target])
        if len(of_domain)
    ]
    least_db, most_db = torch.stack(ranges_db, dim=1)  # (domains, rows, 1) each
    guard_db = torch.stack([least_db.amin(0), most_db.amax(0)]).cpu()
    return checkpoint.with_findings(guard_db=guard_db)


def adapted(
    checkpoint: Checkpoint, machine: Machine, device: torch.device | str = "cpu"
) -> Checkpoint:
    """The denoiser with the scaling, guard and far microphone of `machine`; unchanged if trained on
    its clips.

    The network then meets the machine centred on its own training clips.

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
    here = dataclasses.replace(
        checkpoint,
        scaling=clips.scaling(),
        channels=clips.channels,
        findings=with_far_microphone(checkpoint.findings, checkpoint.config, clips),
    )
    return with_guard(here, clips, device)
