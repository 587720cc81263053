"""The money room: accounts, holds, bills and the one writer (docs/ledger.md, The writer).

`core` decides, `writer` commits, `ledger` is the door. Nobody else writes `users`, `requests` or `entries`.
"""
