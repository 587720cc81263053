"""One command line in a process that has the libraries in it already; imports nothing but what every process has."""

import os
import sys
from collections.abc import Mapping, Sequence

LIBRARIES = ["tests.admin_cli.forked", "admin_cli.app", "infra.runtime.gateway", "infra.runtime.lock", "infra.client"]
"""What nearly every command loads, and that takes most of its time."""


def command(words: Sequence[str], folder: str, environ: Mapping[str, str], said: str, complained: str) -> None:
    """Runs it as `python -m admin_cli` would, with stdout and stderr into these files; leaves with its exit code."""
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    for path, descriptor in ((said, 1), (complained, 2)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, descriptor)
        os.close(file)
    sys.argv = ["aethergate", *words]
    from admin_cli.main import main

    main()
