"""gateway.yaml → Manifest, or every fault in it at once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.config.document import BYTES_MAX, Broken, parse
from infra.config.faults import ConfigError, Fault, ManifestFaults, Place, Reading
from infra.config.objects import Manifest
from infra.config.sections.backends import BACKENDS
from infra.config.sections.endpoints import ENDPOINTS
from infra.config.sections.gateway import GATEWAY
from infra.config.sections.models import MODELS, check_fallbacks
from infra.config.shapes import Field, Shape

NAME = "gateway.yaml"
VARIABLE = "AETHERGATE_CONFIG"


def _check(values: Mapping[str, Any], place: Place) -> tuple[tuple[str, str], ...]:
    check_fallbacks(place.reading.found.get("models", {}), place.at("models"))
    return ()


MANIFEST = Shape(
    "a manifest (gateway, backends, models, endpoints)",
    dict,
    {  # read in this order: what comes later refers to what comes before
        "gateway": Field(GATEWAY, "The process as a whole.", default=""),
        "backends": Field(BACKENDS, "The servers that run models.", required=True),
        "models": Field(MODELS, "What is sold, by the name that callers use.", default=""),
        "endpoints": Field(ENDPOINTS, "Which function answers which route.", required=True),
    },
    check=_check,
)


def find(explicit: str | None, environ: Mapping[str, str]) -> Path:
    """The file: --config, else $AETHERGATE_CONFIG, else ./gateway.yaml. Raises ConfigError where there is none."""
    named = explicit or environ.get(VARIABLE)
    path = Path(named or NAME)
    if path.is_file():
        return path
    what = "is a folder" if path.is_dir() else "is not there"
    if named:
        raise ConfigError(f"{path} {what} (from {'--config' if explicit else '$' + VARIABLE})")
    raise ConfigError(f"./{NAME} {what}: go to its folder, or say --config FILE or set {VARIABLE}")


def load(path: Path | str, environ: Mapping[str, str]) -> Manifest:
    """Reads and checks the whole file. Raises ManifestFaults with all faults.

    `environ` fills the ${VARIABLES}. Nothing is looked up on the network, nothing imported.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(BYTES_MAX + 1)
    except (OSError, ValueError) as wrong:
        reason = wrong.strerror if isinstance(wrong, OSError) else str(wrong)
        raise ManifestFaults([Fault(str(path), 0, "", f"cannot be read: {reason}")]) from None
    return read(data, str(path), environ)


def read(data: bytes, name: str, environ: Mapping[str, str]) -> Manifest:
    """The manifest in these bytes; `name` is the file that faults name."""
    reading = Reading(name, environ)
    try:
        found: Any = MANIFEST.read(parse(data), Place(reading))
    except Broken as wrong:
        raise ManifestFaults([Fault(name, wrong.line, "", wrong.message)]) from None
    if reading.faults:
        raise ManifestFaults(reading.faults)
    return Manifest(**found, path=name)
