"""The key that a request brings, wherever its client puts it. Header names are lower-case; nothing here can fail."""

from collections.abc import Mapping


def user_key(headers: Mapping[str, str]) -> str | None:
    """`Authorization: Bearer`, else `x-api-key` (older Anthropic SDKs), else `api-key` (Azure's clients)."""
    return bearer(headers) or _named(headers, "x-api-key") or _named(headers, "api-key")


def admin_key(headers: Mapping[str, str]) -> str | None:
    """`x-admin-key` (API_REFERENCE.md, Keys), else `Authorization: Bearer`."""
    return _named(headers, "x-admin-key") or bearer(headers)


def bearer(headers: Mapping[str, str]) -> str | None:
    """The token of RFC 6750, the scheme in any case and after any number of spaces; None for another scheme."""
    parts = headers.get("authorization", "").split(None, 1)
    if len(parts) < 2 or parts[0].lower() != "bearer":
        return None
    return parts[1].strip() or None


def _named(headers: Mapping[str, str], name: str) -> str | None:
    return headers.get(name, "").strip() or None
