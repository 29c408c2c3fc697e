"""The command line: dcase-denoise run, study, train, report, compare, check, apply, export, monitor, stream, picture, doctor, enable and disable."""
from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path

import click

from dcase_denoise_plugin import __version__, edge_cli, report_cli, study_cli, train_cli
from dcase_denoise_plugin.errors import DenoiseError
from dcase_denoise_plugin.options import (
    baseline_option,
    dataset_option,
    device_option,
    machines_option,
    preset_option,
    seeds_option,
    strength_option,
)
from dcase_denoise_plugin.settings.config import RECOMMENDED

# Fewer steps than these 760 or so leave the running means of the autoencoder's batch normalisation behind, and its ranking with them.
DEMO_SETTINGS = ("epochs=20",)


class _OneLineErrors(click.Group):
    """Turns an error of the plugin into one line and exit code 2, and Ctrl-C into exit code 130."""

    def invoke(self, context):
        try:
            return super().invoke(context)
        except DenoiseError as error:
            click.echo(f"dcase-denoise: {error}", err=True)
            context.exit(2)
        except BrokenPipeError:
            raise  # the reader has had enough; click ends quietly
        except OSError as error:
            click.echo(f"dcase-denoise: files: expected to read and write them, got {error}. Free space or correct the path.", err=True)
            context.exit(2)
        except KeyboardInterrupt:
            click.echo("dcase-denoise: interrupted; the same command goes on from the last finished step.", err=True)
            context.exit(130)


@click.group(cls=_OneLineErrors, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__)
def main():
    """A trained denoising stage for the DCASE Task 2 baseline, without touching the baseline."""


@main.command()
@click.argument("what", type=click.Choice(["baseline", "denoise", "compare"]), default="compare")
@click.option("-d", "--dev", "mode", flag_value="dev", help="Run on the development data.")
@click.option("-e", "--eval", "mode", flag_value="eval", help="Run on the evaluation data.")
@baseline_option
@click.option("--clone-baseline", is_flag=True, help="Bring the baseline's reference release to ./baseline with git, if nothing lies there.")
@machines_option
@dataset_option
@seeds_option
@click.option("--yaml", "yaml_file", type=click.Path(path_type=Path), metavar="FILE", help="Settings of the baseline and denoise keys for this call.")
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="One such setting, repeatable; wins over --yaml.")
@click.option("--jobs", type=click.IntRange(1), help="Runs side by side [default: 1, in the demo 2].")
@click.option("--demo", is_flag=True, help="Compare on made-up machines with a stand-in for the baseline.")
@click.option("--demo-dir", type=click.Path(path_type=Path), default=Path("demo"), show_default=True, help="Where the demo works.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but the result and what failed.")
@click.option("-v", "--verbose", is_flag=True, help="Say every line of the baseline's processes too; they are in the logs anyway.")
@click.option("--json", "as_json", is_flag=True, help="End with the outcome as JSON on stdout; everything else goes to stderr.")
def run(quiet, verbose, as_json, **call):
    """Train and test the baseline: plain (baseline), behind the denoiser (denoise), or both (compare).

    Every finished step is kept: the same command goes on where it was interrupted, and runs nothing twice.
    """
    from dcase_denoise_plugin.runner.outcome import written_as_json

    with written_as_json(click.echo if as_json else None) as outcome:
        if quiet and verbose:
            raise click.UsageError("--quiet and --verbose exclude each other.")
        _run(outcome, sys.stderr if as_json else sys.stdout, quiet, verbose, **call)


def _run(outcome, stream, quiet, verbose, jobs, demo, demo_dir, **asked):
    from dcase_denoise_plugin.runner import outcome as outcomes
    from dcase_denoise_plugin.runner.runner import run_all
    from dcase_denoise_plugin.runner.screen import screen_on
    from dcase_denoise_plugin.runner.summary import summarise, with_earlier_runs

    def say(text):
        click.echo(text, file=stream)

    def mention(text):
        if not quiet:
            say(text)

    # A scheduler's polite kill ends the baseline's processes too, as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    call = _planned_demo(demo_dir, mention, **asked) if demo else _planned(**asked)
    mention(str(call))
    outcome |= call.described()
    with screen_on(stream, quiet, verbose) as screen:
        failed = run_all(call.runs, jobs or (2 if demo else 1), screen.say, screen.watch)
    outcome["runs"] = outcomes.described(call.runs, failed)
    for failure, error in failed.items() if quiet else ():
        click.echo(f"{failure} FAILED: {error}", err=True)
    if finished := [run for run in call.runs if run not in failed]:
        outcome |= outcomes.reported(summarise(with_earlier_runs(finished, call.both_arms), call.title, say))
    if failed:
        click.echo("\nFAILED: " + "; ".join(map(str, failed)), err=True)
        raise SystemExit(1)


def _planned(what, mode, baseline_folder, clone_baseline, machines, dataset, seeds, yaml_file, assignments, fallback_preset=RECOMMENDED, title=""):
    """The call that these options ask for."""
    from dcase_denoise_plugin.checkout import baseline as baselines
    from dcase_denoise_plugin.checkout.overrides import read_overrides, refuse_spaces, resolve_stage
    from dcase_denoise_plugin.checkout.plan import Plan
    from dcase_denoise_plugin.runner.call import Call

    if not mode:
        raise click.UsageError("Say -d for the development data or -e for the evaluation data.")
    if clone_baseline:
        baselines.clone_baseline()
    baseline = baselines.Baseline.from_folder(baselines.find_baseline(baseline_folder))
    overrides, config = resolve_stage(baseline, read_overrides(yaml_file, assignments, baseline), fallback_preset)
    plan = Plan(baseline, dataset, mode, overrides, config)
    refuse_spaces(plan.settings)
    return Call.of(plan, what, machines, seeds, title)


def _planned_demo(folder: Path, mention, baseline_folder, mode, assignments, **asked):
    """The call of the demo, whose machines and baseline lie in `folder` afterwards."""
    if baseline_folder or mode == "eval":
        raise click.UsageError("--demo brings its own stand-in baseline and development data; leave out --baseline and -e.")
    _lay_out_demo(folder, mention)
    return _planned(**{**asked, "what": "compare", "mode": "dev", "baseline_folder": str(folder), "assignments": (*DEMO_SETTINGS, *assignments)},
                    fallback_preset="demo", title="DEMO on made-up machines")


def _lay_out_demo(folder: Path, mention) -> None:
    from dcase_denoise_plugin.demo.machines import make_machines
    from dcase_denoise_plugin.demo.stand_in import lay_out

    mention(f"demo: makes up machines and lays out a stand-in baseline in {folder.absolute()}")
    lay_out(folder)
    *_, machine = make_machines(folder)
    # An update of the plugin may have changed the clips, and the stand-in, as the real one, would not notice.
    shutil.rmtree(machine.parent.parent / "processed", ignore_errors=True)


@main.command()
@click.argument("results", metavar="RESULTS", type=click.Path(path_type=Path))
@click.option("--reference", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="AUCs to hold them against, .json or .csv.")
@click.option("--tolerance", type=click.FloatRange(0, 1), help="How far an AUC (0 to 1) may fall [default: what the reference says, else 0.01].")
@click.option("--write-reference", is_flag=True, help="Make the AUCs of RESULTS the reference instead.")
def check(results, reference, tolerance, write_reference):
    """Name every AUC in a results folder of the baseline that fell below a reference, or is missing; exit code 1 if there is one.

    RESULTS may be made with or without this plugin: a score's folder, or one further up, such as results/dev_data.
    """
    from dcase_denoise_plugin.figures import reference as auc_check

    found = auc_check.read_results(results)
    if write_reference:
        auc_check.write_reference(reference, found, tolerance)
        click.echo(f"wrote {len(found)} figures to {reference}")
        return
    verdict = auc_check.compare(found, auc_check.read_reference(reference), tolerance)
    for kind, lines in (("fell", verdict.fell), ("missing", verdict.missing), ("rose", verdict.rose), ("not in the reference", verdict.new)):
        for line in lines:
            click.echo(f"{kind}: {line}")
    click.echo(f"{verdict.compared} compared, {len(verdict.fell)} fell, {len(verdict.missing)} missing, {len(verdict.rose)} rose, {len(verdict.new)} new")
    if not verdict.is_good:
        raise SystemExit(1)


@main.command()
@click.argument("source", metavar="IN_DIR", type=click.Path(path_type=Path))
@click.argument("target", metavar="OUT_DIR", type=click.Path(path_type=Path))
@click.option("--checkpoint", required=True, type=click.Path(path_type=Path), metavar="FILE", help="A trained denoiser.")
@strength_option
@preset_option
@device_option
def apply(source, target, checkpoint, strength, preset, device):
    """Denoise every wav file under IN_DIR into OUT_DIR, under the same names."""
    from dcase_denoise_plugin.denoising.folder import denoise_folder

    count = denoise_folder(source, target, checkpoint, strength, preset, device)
    click.echo(f"denoised {count} clips into {target}")


@main.command()
@click.argument("clip", metavar="CLIP", type=click.Path(path_type=Path))
@click.argument("target", metavar="PNG", type=click.Path(path_type=Path))
@click.option("--checkpoint", required=True, type=click.Path(path_type=Path), metavar="FILE", help="A trained denoiser.")
@click.option("--reference", type=click.Path(path_type=Path), metavar="FILE", help="The same clip without noise, if there is one.")
@preset_option
@device_option
def picture(clip, target, checkpoint, reference, preset, device):
    """Draw CLIP before and after the denoiser, as log-mel spectrograms."""
    from dcase_denoise_plugin import Denoiser
    from dcase_denoise_plugin.denoising.device import ready_device
    from dcase_denoise_plugin.denoising.picture import draw

    draw(clip, Denoiser.load(checkpoint, ready_device(device), preset=preset), target, reference)
    click.echo(f"wrote {target}")


@main.command()
@baseline_option
def doctor(baseline_folder):
    """Say what the plugin finds here: Python, versions, CUDA, the baseline."""
    from dcase_denoise_plugin import environment
    from dcase_denoise_plugin.checkout import baseline as baselines
    from dcase_denoise_plugin.startup_file import startup_file

    for line in environment.described():
        click.echo(line)
    path = startup_file()
    click.echo(f"start-up file: {path if path.exists() else 'not enabled; dcase-denoise run needs none'}")
    try:
        baseline = baselines.Baseline.from_folder(baselines.find_baseline(baseline_folder))
        click.echo(f"baseline: {baseline.folder}, {'v5 (2026)' if baseline.has_stereo_data else 'v4 (2025)'} family")
    except DenoiseError as error:
        click.echo(str(error))
    lacking = environment.unmet(environment.pinned())
    click.echo(f"pinned versions: {'; '.join(lacking) or 'all met'}")
    if lacking:
        raise SystemExit(1)


@main.command()
def enable():
    """Let this environment's Python know the denoise keys in the baseline's own scripts."""
    from dcase_denoise_plugin import startup_file

    click.echo(f"wrote {startup_file.enable()}")


@main.command()
def disable():
    """Undo `enable`."""
    from dcase_denoise_plugin import startup_file

    path = startup_file.disable()
    click.echo(f"removed {path}" if path else "was not enabled")


main.add_command(report_cli.report)
main.add_command(report_cli.compare)
main.add_command(study_cli.study)
main.add_command(train_cli.train)
main.add_command(edge_cli.export)
main.add_command(edge_cli.monitor)
main.add_command(edge_cli.stream)


if __name__ == "__main__":
    main(prog_name="dcase-denoise")
