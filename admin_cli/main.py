"""Where the `aethergate` command begins and ends."""

import gc
import sys


def main() -> None:
    """Runs one command line and leaves with its exit code."""
    try:
        gc.disable()  # what libraries make while they are loaded stays: to look for garbage in it takes a sixth longer
        # In here, so that a Ctrl-C while libraries are loaded is no traceback either.
        from admin_cli.app import app

        gc.enable()
        # httpx loads its command line where it finds rich, pygments and click, and does without where it cannot.
        sys.modules["httpx._main"] = None  # type: ignore[assignment]
        code = app(standalone_mode=False, prog_name="aethergate")
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the one place where a traceback becomes a sentence
        _end(error)
    sys.exit(code if isinstance(code, int) else 0)


def _end(error: BaseException) -> None:
    try:
        from admin_cli.trouble import end
    except KeyboardInterrupt:
        sys.exit(130)
    end(error)
