from click.testing import CliRunner
from small_machine import RATE_HZ, hum, near_and_far, write

from benchmarks.quality.two_microphones import main


def test_one_command_prints_what_the_far_microphone_brings(tmp_path):
    for index in range(4):
        domain = ("source", "target")[index % 2]
        for split, label in (("train", "normal"), ("test", "normal"), ("test", "anomaly")):
            clip = near_and_far(index + 10 * len(split), 16 * RATE_HZ)
            if label == "anomaly":
                clip[:, 0] += hum(9, len(clip)) / 2
            write(tmp_path / split / f"section_00_{domain}_{split}_{label}_{index}.wav", clip)
    name = "section_00_source_test_normal_0.wav"
    write(tmp_path / "clean" / name, hum(1, 16 * RATE_HZ))
    run = CliRunner().invoke(main, [str(tmp_path), str(tmp_path / "clean")])
    assert run.exit_code == 0, run.output
    assert "| recommended: " in run.output and "what the far one hears subtracted" in run.output
    before, after, _ = (
        float(line.split("|")[2].split()[0]) for line in run.output.splitlines()[-3:]
    )
    assert after > before + 3
