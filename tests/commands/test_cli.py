import errno
import json
import os
import pty
import re
import subprocess
import sys

import fake_baseline
import pytest
from baseline_checkouts import PROJECT
from click.testing import CliRunner

from dcase_denoise_plugin.cli import COMMANDS, main
from dcase_denoise_plugin.commands import startup_file


def call(*words):
    """What ``dcase-denoise <words>`` ends with."""
    return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """The folder of a fake baseline with two machine types, in a working folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DCASE_BASELINE_DIR", raising=False)
    return fake_baseline.lay_out(tmp_path / "checkout", ("fan", "ToyCar")).folder


def test_compare_ends_with_the_tables_and_names_what_has_no_clips(root):
    result = call("run", "-d", "compare", "--baseline", root, "--jobs", 2)
    assert result.exit_code == 0
    assert "fan, ToyCar; no clips of valve" in result.output
    assert (
        result.output.index("development data, MSE")
        < result.output.index("development data, MAHALA")
        < result.output.rindex("logs")
    )
    assert "+10.00" in result.output


def test_several_sections_are_refused_before_anything_runs(root):
    raw = root / "data/dcase2025t2/dev_data/raw"
    (raw / "ToyCar/train/section_01_source_train_normal_0000.wav").touch()
    result = call("run", "-d", "compare", "--baseline", root)
    assert result.exit_code == 2 and not (root / "calls.txt").exists()
    (line,) = result.stderr.splitlines()
    assert "ToyCar: expected clips of the one section that the baseline lists, got 00, 01" in line
    # What a run does not need cannot stop it.
    assert call("run", "-d", "baseline", "--baseline", root, "--machine", "fan").exit_code == 0


def test_a_folder_of_capital_names_is_not_called_empty(root):
    for clip in (root / "data/dcase2025t2/dev_data/raw/fan/train").iterdir():
        clip.rename(clip.with_suffix(".WAV"))
    result = call("run", "-d", "baseline", "--baseline", root, "--machine", "fan")
    assert result.exit_code == 2 and not (root / "calls.txt").exists()
    assert "expected a name that ends in .wav, in small letters" in result.stderr


def test_machine_seed_and_settings_are_handed_on(root):
    call(
        "run",
        "-d",
        "baseline",
        "--baseline",
        root,
        "--machine",
        "fan",
        "--seed",
        1,
        "--seed",
        2,
        "--seed",
        2,
        "--set",
        "epochs=2",
    )
    calls = fake_baseline.calls(fake_baseline.Baseline.from_folder(root))
    assert len(calls) == 6 and all("T2fan" in call and "--epochs=2" in call for call in calls)
    assert {word for call in calls for word in call.split() if word.startswith("--seed")} == {
        "--seed=1",
        "--seed=2",
    }


def test_denoise_after_baseline_completes_the_comparison(root):
    assert (
        "difference"
        not in call("run", "-d", "baseline", "--baseline", root, "--machine", "fan").output
    )
    assert (
        "difference" in call("run", "-d", "denoise", "--baseline", root, "--machine", "fan").output
    )
    assert "difference" not in call("run", "-d", "denoise", "--baseline", root).output


def test_without_the_page_that_was_to_be_written_the_exit_code_is_1(root, monkeypatch):
    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("dcase_denoise_plugin.report.page.write_report", full)
    result = call("run", "-d", "compare", "--baseline", root, "--json")
    outcome = json.loads(result.stdout)
    assert result.exit_code == outcome["exit_code"] == 1 and outcome["status"] == "failed"
    assert outcome["results"] and "no report: [Errno 28] No space left" in result.stderr


def test_a_failed_machine_is_named_last_and_the_exit_code_is_1(root):
    (root / "orders.json").write_text(
        json.dumps({"DCASE2025T2fan": {"complaint": "no space left"}})
    )
    result = call("run", "-d", "baseline", "--baseline", root)
    assert result.exit_code == 1
    assert (
        result.output.rstrip().endswith("FAILED: fan seed 13711 plain")
        and "ToyCar" in result.output
    )


@pytest.mark.parametrize(
    "words, line",
    [
        (("run", "-d"), "dcase-denoise: baseline: expected a checkout"),
        (("run", "-d", "--baseline", "."), "dcase-denoise: baseline: expected a checkout"),
        (
            ("run", "-d", "--baseline", "checkout", "--machine", "fann"),
            "dcase-denoise: --machine: expected one of fan, ToyCar, valve, got 'fann'",
        ),
        (
            ("run", "-d", "--baseline", "checkout", "--set", "denoise_epochs=-1"),
            "dcase-denoise: denoise_epochs: expected",
        ),
        (
            ("run", "-d", "--baseline", "checkout", "--set", "export_dir=my run"),
            "dcase-denoise: export_dir: expected a name without spaces",
        ),
        (
            ("run", "-d", "--baseline", "checkout", "--set", "result_directory=out/res "),
            "dcase-denoise: result_directory: expected a name without spaces",
        ),
        (("apply", "checkout/networks", "out", "--checkpoint", "none.pt"), "dcase-denoise: IN: "),
    ],
)
def test_an_error_is_one_line_and_exit_code_2_and_nothing_has_run(root, words, line):
    result = call(*words)
    assert (
        result.exit_code == 2 and result.output.startswith(line) and result.output.count("\n") == 1
    )
    assert not (root / "calls.txt").exists()


def test_a_space_that_baseline_yaml_has_in_the_name_of_the_results_is_refused_before_anything_runs(
    root,
):
    (root / "baseline.yaml").write_text(
        fake_baseline.SETTINGS.replace("export_dir: baseline", "export_dir: my run")
    )
    result = call("run", "-d", "--baseline", root)
    assert (
        result.exit_code == 2
        and "export_dir: expected a name without spaces" in result.output
        and not (root / "calls.txt").exists()
    )


@pytest.mark.parametrize(
    "words, complaint",
    [
        (("run", "compare", "--baseline", "checkout"), "Say -d"),
        (("run", "--demo", "--baseline", "checkout"), "leave out --baseline"),
        (("run", "--demo", "-e"), "leave out --baseline and -e"),
        (("run", "-d", "denoised"), "denoised"),
    ],
)
def test_a_call_that_makes_no_sense_says_how_to_put_it(root, words, complaint):
    result = call(*words)
    assert result.exit_code == 2 and complaint in result.output


def test_the_demo_refuses_a_folder_that_holds_something_else(root):
    result = call("run", "--demo", "--demo-dir", root)
    assert (
        result.exit_code == 2 and "stand-in" in result.output and not (root / "calls.txt").exists()
    )


def test_clone_baseline_uses_the_folder_that_is_there(root):
    root.rename(root.parent / "baseline")
    assert call("run", "-d", "baseline", "--clone-baseline", "--machine", "fan").exit_code == 0


def test_ctrl_c_is_exit_code_130(root, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("dcase_denoise_plugin.runner.runner.run_all", interrupted)
    result = call("run", "-d", "--baseline", root)
    assert result.exit_code == 130 and "goes on from the last finished step" in result.output


def test_a_full_disk_is_one_line(root, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dcase_denoise_plugin.runner.summary.summarise", full)
    result = call("run", "-d", "baseline", "--baseline", root, "--machine", "fan")
    assert (
        result.exit_code == 2
        and result.output.splitlines()[-1].startswith("dcase-denoise: files: expected")
        and "No space left" in result.output
    )


def outcome_of(*words):
    """The call, and the JSON that is all of its stdout."""
    result = call("run", "--json", *words)
    return result, json.loads(result.stdout)


def documented(heading):
    """Keys in the table of docs/json.md after a line that holds `heading`."""
    text = (PROJECT / "docs/json.md").read_text()
    table = text[text.index(heading) :].split("\n\n")[1:]
    rows = next(block for block in table if block.startswith("|")).splitlines()[2:]
    return {key for row in rows for key in re.findall("`(\\w+)`", row.split("|")[1])}


def test_json_is_all_of_stdout_and_its_keys_are_those_of_the_documentation(root):
    result, outcome = outcome_of(
        "-d", "compare", "--baseline", root, "--seed", 1, "--seed", 2, "--jobs", 2
    )
    assert (
        outcome["status"] == "finished"
        and outcome["exit_code"] == 0 == result.exit_code
        and "development data, MSE" in result.stderr
    )
    assert (
        outcome["machines"] == ["fan", "ToyCar"]
        and outcome["without_clips"] == ["valve"]
        and outcome["mode"] == "dev"
    )
    assert outcome.keys() == documented("One JSON object") and outcome["runs"][
        0
    ].keys() == documented("An entry of `runs`")
    assert outcome["results"][0].keys() == documented("An entry of `results`")
    assert [(run["machine"], run["seed"], run["arm"]) for run in outcome["runs"]][:3] == [
        ("fan", 1, "plain"),
        ("fan", 1, "denoised"),
        ("fan", 2, "plain"),
    ]
    assert all(seconds > 0 for run in outcome["runs"] for seconds in run["seconds"].values())


def test_json_holds_the_figures_of_the_tables_seed_by_seed(root):
    _, outcome = outcome_of("-d", "compare", "--baseline", root, "--seed", 1, "--seed", 2)
    (figure,) = [
        row
        for row in outcome["results"]
        if (row["score"], row["machine"], row["arm"], row["metric"])
        == ("MSE", "fan", "denoised", "AUC (source)")
    ]
    assert figure["by_seed"] == {"1": pytest.approx(61), "2": pytest.approx(62)} and figure[
        "mean"
    ] == pytest.approx(61.5)
    overall = [
        (row["arm"], row["metric"])
        for row in outcome["results"]
        if row["machine"] is None and row["score"] == "MSE"
    ]
    assert overall == [(arm, "harmonic mean") for arm in ("plain", "denoised", "difference")]


def test_json_of_a_failure_names_the_run_and_its_reason(root):
    (root / "orders.json").write_text(
        json.dumps({"DCASE2025T2fan": {"complaint": "no space left"}})
    )
    result, outcome = outcome_of("-d", "baseline", "--baseline", root)
    assert (outcome["status"], outcome["exit_code"], result.exit_code) == ("failed", 1, 1)
    (failed,) = [run for run in outcome["runs"] if run["status"] == "failed"]
    assert (
        failed["machine"] == "fan"
        and failed["error"].endswith("no space left")
        and failed["seconds"] is None
        and outcome["results"]
    )


@pytest.mark.parametrize(
    "words, error",
    [
        (("-d",), "baseline: expected a checkout"),
        (
            ("-d", "--baseline", "checkout", "--machine", "fann"),
            "--machine: expected one of fan, ToyCar, valve",
        ),
        (("--baseline", "checkout"), "Say -d"),
        (("-d", "-q", "-v"), "--quiet and --verbose exclude each other"),
    ],
)
def test_json_of_an_error_holds_its_line_and_every_key(root, words, error):
    result, outcome = outcome_of(*words)
    assert (outcome["status"], outcome["exit_code"], result.exit_code) == (
        "error",
        2,
        2,
    ) and outcome["error"].startswith(error)
    assert outcome.keys() == documented("One JSON object")


def test_json_of_an_interrupted_call_says_so(root, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("dcase_denoise_plugin.runner.runner.run_all", interrupted)
    result, outcome = outcome_of("-d", "--baseline", root)
    assert (outcome["status"], outcome["exit_code"], result.exit_code) == ("interrupted", 130, 130)
    assert outcome["machines"] == ["fan", "ToyCar"] and outcome["runs"] == []


def test_a_bug_is_no_success(root, monkeypatch):
    monkeypatch.setattr("dcase_denoise_plugin.runner.runner.run_all", lambda *arguments: 1 / 0)
    result = CliRunner().invoke(main, ["run", "--json", "-d", "--baseline", str(root)])
    assert (
        isinstance(result.exception, ZeroDivisionError)
        and json.loads(result.stdout)["exit_code"] == 1
    )


def test_quiet_ends_with_the_tables_and_says_nothing_on_the_way(root):
    output = call("run", "-q", "-d", "baseline", "--baseline", root).output
    assert (
        output.startswith("\nDCASE2025T2 development data, MSE")
        and "train:" not in output
        and "no clips" not in output
    )


def test_quiet_names_a_failure_with_its_reason(root):
    (root / "orders.json").write_text(
        json.dumps({"DCASE2025T2fan": {"complaint": "no space left"}})
    )
    result = call("run", "-q", "-d", "baseline", "--baseline", root, "--machine", "fan")
    assert (
        result.exit_code == 1
        and result.stdout == ""
        and "fan seed 13711 plain FAILED: fan seed 13711 plain train: expected" in result.stderr
    )


def test_quiet_names_a_failure_with_its_reason_even_if_the_summary_fails(root):
    (root / "orders.json").write_text(
        json.dumps({"DCASE2025T2fan": {"complaint": "no space left"}})
    )
    (root / "tools/export_results.sh").write_text("exit 3\n")
    result = call("run", "-q", "-d", "baseline", "--baseline", root)
    failure, summary = result.stderr.splitlines()
    assert (
        result.exit_code == 2
        and failure.startswith("fan seed 13711 plain FAILED: ")
        and summary.startswith("dcase-denoise: summary: expected")
    )


def test_verbose_says_what_the_baseline_says(root):
    (root / "orders.json").write_text(json.dumps({"DCASE2025T2fan": {"epochs_s": 1.5}}))
    output = call(
        "run", "-v", "-d", "baseline", "--baseline", root, "--machine", "fan", "--set", "epochs=3"
    ).output
    assert "fan seed 13711 plain | ====> Epoch: 1 Average loss" in output


@pytest.mark.slow
def test_on_a_terminal_there_are_bars_and_the_same_lines_and_tables(root):
    (root / "orders.json").write_text(json.dumps({"DCASE2025T2fan": {"epochs_s": 3}}))
    screen, terminal = pty.openpty()
    words = [
        "run",
        "-d",
        "compare",
        "--baseline",
        root,
        "--machine",
        "fan",
        "--jobs",
        "2",
        "--set",
        "epochs=3",
    ]
    command = [sys.executable, "-m", "dcase_denoise_plugin", *words]
    process = subprocess.Popen(
        command,
        stdout=terminal,
        stderr=terminal,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(terminal)
    shown = b""
    # Linux ends a terminal that nobody writes to any more with an error.
    try:
        while piece := os.read(screen, 4096):
            shown += piece
    except OSError:
        pass
    os.close(screen)
    text = re.sub("\x1b\\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert (
        process.wait() == 0
        and "all steps" in text
        and re.search(r"fan seed 13711 denoised .*autoencoder epoch [123]/3", text)
    )
    assert "[6/6] fan seed 13711" in text and text.index("[6/6]") < text.index(
        "development data, MAHALA"
    )


@pytest.fixture
def checked(root):
    """Results of the plain baseline, and the words that check them against a reference made from
    them.
    """
    call("run", "-d", "baseline", "--baseline", root)
    words = "check", root / "results", "--reference", root / "reference.json"
    assert (
        call(*words, "--write-reference").output
        == f"wrote 12 figures to {root / 'reference.json'}\n"
    )
    return root, words


def test_check_of_the_same_results_is_good(checked):
    result = call(*checked[1])
    assert (
        result.exit_code == 0 and result.output == "12 compared, 0 fell, 0 missing, 0 rose, 0 new\n"
    )


def test_check_names_what_fell_and_what_is_missing(checked):
    root, words = checked
    fan, car = (
        root
        / f"results/dev_data/baseline_MSE/result_DCASE2025T2{machine}_test_seed13711_id(0_)_roc.csv"
        for machine in ("fan", "ToyCar")
    )
    fan.write_text(fan.read_text().replace("0.51", "0.45"))
    car.unlink()
    result = call(*words)
    assert result.exit_code == 1
    assert (
        result.output.splitlines()[0]
        == f"fell: AUC (source) in baseline_MSE/{fan.name}: 0.5100 → 0.4500, -0.0600 (tolerance"
        " 0.01)"
    )
    assert result.output.count("missing: ") == 3 and result.output.endswith(
        "9 compared, 1 fell, 3 missing, 0 rose, 0 new\n"
    )
    assert "fell:" not in call(*words, "--tolerance", "0.1").output


@pytest.mark.parametrize(
    "words, line",
    [
        (("check", "checkout", "--reference", "none.json"), "dcase-denoise: RESULTS: expected"),
        (("check", "none", "--reference", "n"), "dcase-denoise: RESULTS"),
    ],
)
def test_check_of_nothing_is_one_line_and_exit_code_2(root, words, line):
    result = call(*words)
    assert (
        result.exit_code == 2 and result.output.startswith(line) and result.output.count("\n") == 1
    )


def test_check_without_a_reference_file_is_one_line_and_exit_code_2(checked):
    root, words = checked
    (root / "reference.json").unlink()
    result = call(*words)
    assert (
        result.exit_code == 2
        and result.output.startswith("dcase-denoise: --reference: expected")
        and result.output.count("\n") == 1
    )


@pytest.mark.parametrize("name", [command.name for command in COMMANDS])
def test_the_help_of_every_command_has_an_example_and_its_exit_codes(name):
    text = call(name, "--help").output
    assert re.search(rf"Example:\n .*dcase-denoise {name}", text) and "Exit codes: 0 " in text


def test_alone_the_program_says_what_to_type(root):
    result = call()
    assert result.exit_code == 2 and "dcase-denoise run --demo" in result.output
    assert "_DCASE_DENOISE_COMPLETE=bash_source dcase-denoise" in result.output


def test_doctor_tells_what_the_denoisers_of_a_checkout_found_out(root):
    models = root / "models/saved_model"
    for export_dir, findings in (
        ("a", {"findings": "fan: 60 noise recordings"}),
        ("b", {"findings": "fan: 60 noise recordings"}),
        ("c", {}),
    ):
        receipt = models / export_dir / "denoise_receipt_DCASE2025T2fan_seed1_id(0_).json"
        receipt.parent.mkdir(parents=True)
        receipt.write_text(json.dumps(findings))
    receipt.write_text("damaged")
    lines = call("doctor", "--baseline", root).output.splitlines()
    assert lines.count("fan: 60 noise recordings") == 1


def test_doctor_says_what_it_finds(root):
    result = call("doctor", "--baseline", root)
    assert (
        result.exit_code == 0
        and "torch 2.11" in result.output
        and "v4 (2025) family" in result.output
        and "pinned versions: all met" in result.output
    )
    assert "expected a checkout" in call("doctor").output


def test_doctor_fails_when_a_pin_is_not_met(root, monkeypatch):
    monkeypatch.setattr(
        "dcase_denoise_plugin.commands.environment.pinned", lambda: ["torch >=9999"]
    )
    result = call("doctor", "--baseline", root)
    assert result.exit_code == 1 and "torch>=9999 (here: 2.11" in result.output


def test_enable_and_disable_say_what_they_did(tmp_path, monkeypatch):
    monkeypatch.setattr(startup_file, "startup_file", lambda folder=None: tmp_path / "hook.pth")
    assert call("enable").output == f"wrote {tmp_path / 'hook.pth'}\n"
    assert call("disable").output == f"removed {tmp_path / 'hook.pth'}\n"
    assert call("disable").output == "was not enabled\n"
