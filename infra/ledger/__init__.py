"""The money room: accounts, holds, bills and the one writer (LEDGER.md).

`core` decides, `writer` commits, `ledger` is the door. Nobody else writes `users`, `requests` or `entries`.
"""
