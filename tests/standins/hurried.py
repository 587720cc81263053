"""`python -m tests.standins.hurried serve …` is `aethergate serve` with leases of three seconds, renewed every second:
a test need not wait for those of fifteen."""

from infra.ledger import vault

LEASE_SECONDS = 3


def hurry() -> None:
    """Before anything else is imported, which would copy the figures."""
    vault.LEASE_SECONDS = LEASE_SECONDS
    from infra.backends import sharing
    from infra.runtime import pulse

    pulse.LEASE_EVERY = 1
    pulse.QUIET_BEATS_FIRST = 2
    sharing.QUIET_SECONDS = 2.0


if __name__ == "__main__":
    hurry()
    from admin_cli.main import main

    main()
