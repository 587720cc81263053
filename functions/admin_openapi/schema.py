"""What the document says of the gateway itself."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed


def version() -> str:
    """Of the installed package; a checkout without one has none."""
    try:
        return installed("aethergate")
    except PackageNotFoundError:
        return "0"
