import io
import logging

import fake_baseline
import pytest
from rich.console import Console

from dcase_denoise_plugin.runner.progress import Running, Snapshot
from dcase_denoise_plugin.runner.screen import Lines, Live, Verbose, lines_on, logged_to, screen_on
from dcase_denoise_plugin.runner.step_log import Stage

logger = logging.getLogger("dcase_denoise_plugin.runner.runner")


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def at_work(tmp_path):
    """Makes a snapshot of a training in this stage."""
    run = fake_baseline.run_of(fake_baseline.plan_of(fake_baseline.lay_out(tmp_path)))

    def make(stage, lines=()):
        return Snapshot(
            1,
            6,
            100.0,
            720.0,
            True,
            (Running(run, "train", 65.0, stage),),
            [(run, line) for line in lines],
        )

    return make


def test_plain_lines_come_once_a_minute_and_not_while_something_is_said(at_work):
    written, now = [], [0.0]
    lines = Lines(written.append, lambda: now[0])
    for now[0] in range(1, 200):
        if now[0] == 30:
            lines.say("[1/6] a step")
        lines.watch(at_work(Stage("denoiser", 3, 12)))
    assert written == ["[1/6] a step"] + 2 * [
        "[1/6] fan seed 13711 plain: denoiser epoch 3/12; ETA over 12 min"
    ]


def test_a_terminal_shows_bars_for_all_steps_and_for_each_running_one(at_work):
    terminal = Terminal()
    console = Console(file=terminal, force_terminal=True, width=100, color_system=None)
    with Live(console) as live:
        live.watch(at_work(Stage("denoiser", 3, 12)))
        live.say("[1/6] fan [bold] train")
        live.watch(at_work(Stage("autoencoder", 7, 20)))
        # Bars are drawn by a thread of their own; the last drawing comes with the end.
    text = terminal.getvalue()
    assert (
        "all steps" in text
        and "1/6  2 min  ETA over 12 min" in text
        and "autoencoder epoch 7/20  65 s" in text
        and "[1/6] fan [bold] train" in text
    )
    assert all(
        len(line) <= 100 for line in text.replace("\r", "\n").splitlines() if "\x1b" not in line
    )


def test_a_stage_without_epochs_and_the_end_of_a_step_are_shown_too(at_work):
    live = Live(Console(file=Terminal(), width=100))
    live.watch(at_work(Stage("denoiser", 3, 12)))
    live.watch(at_work(Stage("features")))
    assert [task.total for task in live._bars.tasks] == [6, None]
    live.watch(Snapshot(6, 6, 100.0, 0.0, False, ()))
    assert [task.completed for task in live._bars.tasks] == [6]


def test_verbose_says_what_the_baseline_says(at_work):
    written = []
    Verbose(Lines(written.append)).watch(at_work(Stage("features"), ["load features"]))
    assert written == ["fan seed 13711 plain | load features"]


@pytest.mark.parametrize(
    "stream, options, kind",
    [
        (io.StringIO, {}, "Lines"),
        (Terminal, {}, "Live"),
        (Terminal, {"quiet": True}, "Quiet"),
        (io.StringIO, {"verbose": True}, "Verbose"),
    ],
)
def test_the_stream_and_the_switches_choose_the_screen(stream, options, kind, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    with screen_on(stream(), **options) as screen:
        assert type(screen).__name__ == kind


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    terminal = Terminal()
    with screen_on(terminal) as screen:
        screen.say("a line")
    assert terminal.getvalue() == "a line\n"


def test_forced_colour_does_not_turn_a_log_into_a_terminal(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with screen_on(io.StringIO()) as screen:
        assert isinstance(screen, Lines)


def test_quiet_shows_nothing(at_work, capsys):
    stream = io.StringIO()
    with screen_on(stream, quiet=True) as screen:
        logger.info("a line")
        logger.error("FAILED")
        screen.watch(at_work(Stage("features")))
    assert stream.getvalue() == "" and capsys.readouterr() == ("", "")


@pytest.mark.parametrize("on_stream", [screen_on, lines_on])
def test_what_the_plugin_logs_is_a_line_on_the_stream_meanwhile(on_stream):
    stream, around = io.StringIO(), []
    with logged_to(around.append):
        with on_stream(stream):
            logger.info("a line")
            logger.debug("no line")
        logger.info("after it")
    assert stream.getvalue() == "a line\n" and around == ["after it"]


def test_what_the_plugin_logs_stands_above_the_bars_of_a_terminal(at_work, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    with screen_on(terminal) as screen:
        screen.watch(at_work(Stage("denoiser", 3, 12)))
        logger.info("[1/6] fan [bold] train")
    assert "[1/6] fan [bold] train" in terminal.getvalue()
