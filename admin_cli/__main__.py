"""`python -m admin_cli`, the same as `aethergate`."""

from admin_cli.main import main

main()
