"""A machine heard by two microphones in a simulated room, laid out as a machine type of the 2026
data: shows what a second microphone would bring before one is bought.

``python -m benchmarks.sets.rooms MACHINE NOISE OUT`` reads any folder of mono machine clips (those
in a folder ``test`` become test clips, all others training clips) and any folder of noise
recordings, wav or FLAC, and writes OUT/train and OUT/test. Channel 0 is near the machine, channel 1
far from it and nearer to the noise. Noise comes from one or two of three places. The domains have
rooms of the same size, with the machine, the microphones and the noise at other places. Every other
noise recording is for training clips, the rest for test clips.

Source: image sources, Allen and Berkley 1979, by pyroomacoustics; the extra ``rooms``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
from scipy import signal

from benchmarks.sets.mixing import LEVEL, Noise, halves, of_level_1, stretch
from dcase_denoise_plugin.errors import DenoiseError
from dcase_denoise_plugin.sound.audio import read_wav, wav_files, write_wav
from dcase_denoise_plugin.sound.machine import TARGET_MARK
from dcase_denoise_plugin.sound.recordings import Recordings

NOISE_PLACES, MOST_AT_ONCE = 3, 2
FROM_WALLS_M, TRIES = 0.4, 2000
SHORTEST_NOISE_S = 1.0

Responses = tuple[np.ndarray, list[np.ndarray]]  # of the machine and of each place of noise


@dataclasses.dataclass(frozen=True)
class Room:
    """What is simulated.

    Attributes
    ----------
    size_m : width, depth, height.
    rt60_s : time in which reverberation falls by 60 dB, by Sabine's formula.
    near_m, far_m : from the machine to the two microphones.
    leakage_db : level of the machine at the far microphone above that at the near one; None for
        what the room makes of it.
    snr_db : range of the machine's level above the noise's at the near microphone.
    """

    size_m: tuple[float, float, float] = (6.0, 5.0, 3.0)
    rt60_s: float = 0.4
    near_m: float = 0.3
    far_m: float = 2.5
    leakage_db: float | None = None
    snr_db: tuple[float, float] = (-12.0, 0.0)

    def responses(self, sample_rate_hz: int, rng: np.random.Generator) -> Responses:
        """Impulse responses (2, taps) to both microphones. Raises ClickException if the extra is
        not installed, or no such room can be.
        """
        try:
            import pyroomacoustics as acoustics
        except ImportError as error:
            raise click.ClickException(
                f"rooms: expected pyroomacoustics, got {error}. Install the extra in a clone of"
                " this plugin: pip install '.[rooms]'."
            ) from None
        try:
            absorption, order = acoustics.inverse_sabine(self.rt60_s, self.size_m)
        except ValueError as error:
            raise click.ClickException(
                f"--rt60-s: expected what walls of this room can do, got {self.rt60_s:g} for"
                f" {self.size_m} m ({error}). Take a longer one or a smaller room."
            ) from None
        machine, near, far, *noise = self._places(rng)
        room = acoustics.ShoeBox(
            self.size_m,
            fs=sample_rate_hz,
            materials=acoustics.Material(absorption),
            max_order=order,
        )
        for place in (machine, *noise):
            room.add_source(place)
        room.add_microphone_array(np.stack([near, far], axis=1))
        room.compute_rir()
        taps = max(len(response) for heard in room.rir for response in heard)
        padded = np.array(
            [[np.pad(one, (0, taps - len(one))) for one in heard] for heard in room.rir]
        )  # (microphones, sources, taps)
        of_machine, *of_noise = padded.swapaxes(0, 1)
        return of_machine, of_noise

    def _places(self, rng: np.random.Generator) -> list[np.ndarray]:
        """Of the machine, the near and the far microphone, and the noise, which is nearer to the
        far one; (3,) metres each.
        """
        low, high = FROM_WALLS_M, np.array(self.size_m) - FROM_WALLS_M
        for _ in range(TRIES if (high > low).all() else 0):
            machine, *noise = rng.uniform(low, high, (1 + NOISE_PLACES, 3))
            near, far = (
                machine + distance * _of_length_1(rng.standard_normal(3))
                for distance in (self.near_m, self.far_m)
            )
            inside = all(((low <= place) & (place <= high)).all() for place in (near, far))
            if inside and all(_distance(place, far) < _distance(place, near) for place in noise):
                return [machine, near, far, *noise]
        raise click.ClickException(
            f"--far-m: expected microphones that fit into the room, got {self.near_m:g} and"
            f" {self.far_m:g} m from the machine in {self.size_m} m. Take a larger room."
        )

    def heard(
        self, wav: np.ndarray, noise: Noise, split: str, to: Responses, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """The machine alone and the noise alone at both microphones, (samples, 2) each; `wav` is
        (samples,).
        """
        machine = _through(to[0], of_level_1(wav))
        machine *= LEVEL / _level(machine[:, 0])
        if self.leakage_db is not None:
            machine[:, 1] *= LEVEL * 10 ** (self.leakage_db / 20) / _level(machine[:, 1])
        places = rng.choice(NOISE_PLACES, rng.integers(1, MOST_AT_ONCE + 1), replace=False)
        recordings = noise[split == "test"]
        noises = np.sum(
            [
                _through(to[1][place], of_level_1(stretch(recordings, len(wav), rng)))
                for place in places
            ],
            axis=0,
        )
        snr_db = rng.uniform(*self.snr_db)
        return machine, noises * (LEVEL * 10 ** (-snr_db / 20) / _level(noises[:, 0]))

    def clips(
        self, folder: Path, noise_folder: Path, seed: int
    ) -> Iterator[tuple[str, str, np.ndarray, np.ndarray, int]]:
        """(split, file name, machine alone, noise alone, rate in Hz) of every clip of a machine.
        Raises AudioError, DataError as what is read does.
        """
        files, rng = wav_files(folder, below=True), np.random.default_rng(seed)
        if not files:
            raise click.ClickException(
                f"MACHINE: expected mono wav files, got none under {folder}. Correct the path."
            )
        rate_hz = read_wav(files[0])[1]
        noise = recordings_of(noise_folder, rate_hz)
        rooms = [self.responses(rate_hz, rng) for _ in ("source", "target")]
        for file in files:
            wav, own_hz = read_wav(file)
            if own_hz != rate_hz:
                raise click.ClickException(
                    f"MACHINE: expected {rate_hz} Hz as in {files[0]}, got {own_hz} Hz in {file}."
                    " Resample it."
                )
            split = "test" if "test" in file.relative_to(folder).parts[:-1] else "train"
            room = rooms[TARGET_MARK in file.name]
            yield split, file.name, *self.heard(wav, noise, split, room, rng), rate_hz


def recordings_of(folder: Path, sample_rate_hz: int) -> Noise:
    """The first channel of each recording under `folder`, for training and for test clips,
    (samples,) at this rate. Raises DataError if there are none, ClickException if there is but one.
    """
    found = []
    for recording in Recordings.from_folder(folder, SHORTEST_NOISE_S, "NOISE").found:
        common = np.gcd(recording.sample_rate_hz, sample_rate_hz)
        ratio = sample_rate_hz // common, recording.sample_rate_hz // common
        whole = next(recording.clips(recording.samples)).wav
        if whole is not None:  # else silent or damaged
            found.append(signal.resample_poly(whole.astype(float), *ratio))
    if len(found) < 2:
        raise click.ClickException(
            "NOISE: expected at least 2 recordings, for training and for test clips, got"
            f" {len(found)} under {folder}. Record more."
        )
    return halves(found)


def _of_length_1(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def _distance(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.linalg.norm(first - second))


def _through(responses: np.ndarray, wav: np.ndarray) -> np.ndarray:
    """(2, taps) and (samples,) -> (samples, 2)."""
    return signal.fftconvolve(responses, wav[None], axes=1)[:, : len(wav)].T.copy()


def _level(wav: np.ndarray) -> float:
    return float(np.sqrt(np.mean(wav**2) + 1e-12))


@click.command()
@click.argument("machine", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("noise", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--size-m", type=(float, float, float), default=Room.size_m, show_default=True)
@click.option("--rt60-s", type=click.FloatRange(0.05, 5), default=Room.rt60_s, show_default=True)
@click.option("--near-m", type=click.FloatRange(0.05), default=Room.near_m, show_default=True)
@click.option("--far-m", type=click.FloatRange(0.1), default=Room.far_m, show_default=True)
@click.option(
    "--leakage-db",
    type=float,
    help="Level of the machine at the far microphone above the near one [default: the room's].",
)
@click.option("--snr-db", type=(float, float), default=Room.snr_db, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
def main(machine, noise, out, seed, **parameters):
    """Write two-channel clips into OUT, a machine's folder."""
    try:
        count = 0
        for split, name, alone, noises, rate_hz in Room(**parameters).clips(machine, noise, seed):
            write_wav(out / split / name, np.clip(alone + noises, -1, 1), rate_hz)
            count += 1
    except DenoiseError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{count} clips of two channels in {out}")


if __name__ == "__main__":
    main()
