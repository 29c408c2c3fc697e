import pytest
from click.testing import CliRunner
from small_machine import denoiser_that, hiss, hum, write

from benchmarks.quality.spectrum import main, spectra_db
from dcase_denoise_plugin.demo.machines import REFERENCE_FOLDER, make_machines


def test_the_three_spectra_are_of_the_clip_of_what_is_handed_over_and_of_the_machine(tmp_path):
    clip = write(tmp_path / "noisy.wav", hum(0) + hiss(0))
    reference = write(tmp_path / "clean.wav", hum(0))
    plain, handed_over, clean = spectra_db(denoiser_that(takes_away=0.5), clip, reference)
    assert plain.shape == handed_over.shape == clean.shape == (16,)
    assert plain - handed_over == pytest.approx(5.0, abs=0.01)
    assert (plain > clean - 0.5).all()


@pytest.mark.slow
def test_one_command_draws_the_picture_and_says_how_far_each_is_from_the_machine(tmp_path):
    (folder,) = make_machines(tmp_path, 3, 1, test=1, noise=2, clip_s=1.0, machine_types=("fan",))
    references, picture = tmp_path / REFERENCE_FOLDER / "fan" / "test", tmp_path / "spectrum.png"
    run = CliRunner().invoke(main, [str(folder), str(references), "--picture", str(picture)])
    assert run.exit_code == 0, run.output
    assert " 0.0 dB  the machine alone" in run.output
    assert picture.read_bytes().startswith(b"\x89PNG")
