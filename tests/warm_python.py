"""A Python that has imported what every run of the stand-in imports, and forks for each call: most
of a short run's time are those imports.
"""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

# Third-party packages alone: the baseline's modules and ours are imported by the fork, behind the
# hook, as by a process of its own.
_SERVER = """
import json, os, runpy, sys, tempfile
import pandas, scipy.stats, sklearn.metrics, sklearn.model_selection, soundfile, torch, yaml
import torch.utils.data, torchaudio.functional
for line in sys.stdin:
    call = json.loads(line)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        child = os.fork()
        if not child:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(out.fileno(), 1)
            os.dup2(errors.fileno(), 2)
            os.chdir(call["folder"])
            os.environ.clear()
            os.environ.update(call["environment"])
            sys.argv = call["words"]
            sys.path[0] = call["folder"]
            runpy.run_path(sys.argv[0], run_name="__main__")
            sys.exit()
        answer = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])]
        for stream in (out, errors):
            stream.seek(0)
            answer.append(stream.read().decode())
    print(json.dumps(answer), flush=True)
"""
_servers: dict[str, subprocess.Popen[str]] = {}


def run(
    words: list[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """``python3 <words>`` in `folder` by a fork that starts where an own process would be after its
    start-up file and those imports.

    Parameters
    ----------
    words : a program's file and its arguments.
    environment : its ``PYTHONPATH`` decides which start-up file has run.
    """
    server = _server_of(environment)
    assert server.stdin and server.stdout
    call = {"words": words, "folder": str(folder), "environment": dict(environment)}
    server.stdin.write(f"{json.dumps(call)}\n")
    server.stdin.flush()
    returncode, out, errors = json.loads(server.stdout.readline())
    return subprocess.CompletedProcess([sys.executable, *words], returncode, out, errors)


def _server_of(environment: Mapping[str, str]) -> subprocess.Popen[str]:
    path = environment["PYTHONPATH"]
    if path not in _servers:
        _servers[path] = subprocess.Popen(
            [sys.executable, "-c", _SERVER],
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    return _servers[path]


@atexit.register
def _end() -> None:
    for server in _servers.values():
        server.communicate()
