"""The command line: every command of dcase-denoise, by name; the modules behind them are in
`commands`.
"""

from __future__ import annotations

from typing import Any

import click

from dcase_denoise_plugin import __version__
from dcase_denoise_plugin.commands import (
    clips,
    export,
    installation,
    monitor,
    own,
    report,
    run,
    stream,
    study,
    train,
)
from dcase_denoise_plugin.errors import DenoiseError, error_line


class _OneLineErrors(click.Group):
    """Turns an error of the plugin into one line and exit code 2, and Ctrl-C into exit code 130."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except DenoiseError as error:
            click.echo(error_line(error), err=True)
            context.exit(2)
        except BrokenPipeError:
            raise  # the reader has had enough; click ends quietly
        except OSError as error:
            reason = f"files: expected to read and write them, got {error}."
            click.echo(error_line(f"{reason} Free space or correct the path."), err=True)
            context.exit(2)
        except KeyboardInterrupt:
            advice = "interrupted; the same command goes on from the last finished step."
            click.echo(error_line(advice), err=True)
            context.exit(130)


@click.group(
    cls=_OneLineErrors,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
@click.version_option(__version__)
def main() -> None:
    """A trained denoising stage for the DCASE Task 2 baseline, without touching the baseline.

    \b
    Start with:
      dcase-denoise run --demo              made-up machines, in some minutes; needs no data
      dcase-denoise run -d --baseline DIR   plain and denoised on your development data
      dcase-denoise COMMAND --help          options, an example and the exit codes

    \b
    Shell completion: eval "$(_DCASE_DENOISE_COMPLETE=bash_source dcase-denoise)", or zsh_source
    """


COMMANDS = (
    run.run,
    study.study,
    train.train,
    report.report,
    report.compare,
    report.check,
    clips.apply,
    clips.picture,
    own.own,
    export.export,
    monitor.monitor,
    monitor.recalibrate,
    stream.stream,
    installation.doctor,
    installation.enable,
    installation.disable,
)
for command in COMMANDS:
    main.add_command(command)
