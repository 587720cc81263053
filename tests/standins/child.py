"""A process of its own that does nothing, to be stopped and killed."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from infra.ledger.life import Process, of

_SLEEP = "import sys, time; print(flush=True); time.sleep(600)"


@contextmanager
def child(name: str | None = None) -> Iterator[tuple[subprocess.Popen[bytes], Process]]:
    """The running process and who it is; `name`: what it calls itself."""
    say = f"open('/proc/self/comm', 'w').write({name!r});" if name else ""
    with subprocess.Popen([sys.executable, "-c", say + _SLEEP], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            found = of(process.pid)
            assert found is not None
            yield process, found
        finally:
            process.kill()
