import re

from click.testing import CliRunner

from benchmarks.quality import transfer
from dcase_denoise_plugin.demo import sounds
from dcase_denoise_plugin.demo.machines import noise_clips, test_clips, train_clips
from dcase_denoise_plugin.sound.audio import write_wav


def lay_out(folder, machine_type):
    for split, clips in (
        ("train", train_clips(machine_type, 4, 2, 4.0, 0)),
        ("test", test_clips(machine_type, 3, 4.0, 0)),
    ):
        for clip in clips:
            write_wav(folder / split / clip.name, clip.machine + clip.noise, sounds.SAMPLE_RATE_HZ)
    for name, wav in noise_clips(machine_type, 3, 4.0, 0):
        write_wav(folder / "supplemental" / name, wav, sounds.SAMPLE_RATE_HZ)
    return str(folder)


def test_every_denoiser_serves_every_machine_type_and_nothing_moves_at_strength_0(tmp_path):
    folders = [
        lay_out(tmp_path / machine_type, machine_type) for machine_type in ("fan", "gearbox")
    ]
    small = [
        argument
        for key in ("epochs=1", "pairs_per_clip=1", "width=2", "strength=0")
        for argument in ("--set", f"denoise_{key}")
    ]
    result = CliRunner().invoke(
        transfer.main, [*folders, "--name", "a", "--name", "b", "--seed", "1", *small]
    )
    assert result.exit_code == 0, result.output
    known, lines = result.stdout.splitlines()[:2], result.stdout.splitlines()[2:]
    assert (
        [line.split(":")[0] for line in known]
        == [line.split(":")[0] for line in lines]
        == ["a", "b"]
    )
    for line in lines:
        plain, *behind = map(float, re.findall(r"(?<=[a-z] )\d+\.\d", line))
        assert len(behind) == 2 and set(behind) == {plain} and 0 < plain < 100
