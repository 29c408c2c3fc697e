"""Clips from a microphone of this computer."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from dcase_denoise_plugin.errors import AudioError, ConfigError, first_line, warning_line
from dcase_denoise_plugin.monitor.verdicts import Scorer, checked
from dcase_denoise_plugin.sound.recordings import Clip

MOST_BLOCKS = 10_000  # waiting to be scored, before some are lost


def heard(device: str, scorer: Scorer, say: Callable[[str], None]) -> Iterator[Clip]:
    """The clips of a device, by number or name, one after the other, for ever; of the usual one
    where `device` is empty. What was lost on the way is said.

    Raises
    ------
    ConfigError
        If the extra is not installed.
    AudioError
        If the device is not there or does not give what `scorer` takes.
    """
    try:
        import sounddevice
    except (ImportError, OSError) as error:  # the latter where PortAudio is not there
        raise ConfigError(
            f"--microphone: expected sounddevice, got {first_line(error)}. Install the extra in a"
            " clone of this plugin: pip install '.[live]'; or pipe arecord."
        ) from None
    channels = scorer.channel or scorer.channels
    blocks: queue.Queue[np.ndarray] = queue.Queue(MOST_BLOCKS)
    lost: list[str] = []

    def take(block: np.ndarray, frames: int, time: Any, status: Any) -> None:
        if status:
            lost.append(str(status))
        try:
            blocks.put_nowait(block[:, -scorer.channels :].copy())
        except queue.Full:
            lost.append("clips come faster than they are scored")

    try:
        stream = sounddevice.InputStream(
            samplerate=scorer.sample_rate_hz,
            device=int(device) if device.isdigit() else device or None,
            channels=channels,
            dtype="float32",
            callback=take,
        )
    except (ValueError, sounddevice.PortAudioError) as error:
        raise AudioError(
            f"--microphone: expected a device with {channels} channels at"
            f" {scorer.sample_rate_hz} Hz, got {first_line(error)} for {device or 'the usual one'}."
            " python -m sounddevice lists what is there."
        ) from None
    with stream:
        yield from _clips(blocks, lost, scorer, say)


def _clips(
    blocks: queue.Queue[np.ndarray],
    lost: list[str],
    scorer: Scorer,
    say: Callable[[str], None],
) -> Iterator[Clip]:
    number, parts = 0, np.zeros((0, scorer.channels), np.float32)
    while True:
        parts = np.concatenate([parts, blocks.get()])
        while len(parts) >= scorer.samples:
            wav, parts = parts[: scorer.samples], parts[scorer.samples :]
            name = f"microphone from {number * scorer.samples / scorer.sample_rate_hz:g} s"
            if lost:
                say(warning_line(f"--microphone: sound was lost before {name} ends ({lost[0]})."))
                lost.clear()
            yield checked(name, wav if scorer.channels > 1 else wav[:, 0], scorer.sample_rate_hz)
            number += 1
