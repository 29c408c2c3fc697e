from click.testing import CliRunner

from benchmarks.quality.quantiles import main
from dcase_denoise_plugin.demo.machines import make_machines


def test_one_command_prints_each_quantile_and_the_rule_and_draws_them(tmp_path):
    (folder,) = make_machines(tmp_path, 4, 2, test=3, noise=3, clip_s=2.0, machine_types=("fan",))
    picture = tmp_path / "quantiles.png"
    run = CliRunner().invoke(main, [str(folder), "--picture", str(picture), "--name", "mine"])
    assert run.exit_code == 0, run.output
    assert "mine: plain " in run.output and "  0.05 " in run.output
    assert float(run.output.split("rule: ")[1].replace("none", "0")) < 1
    assert picture.read_bytes().startswith(b"\x89PNG")
