"""The `aethergate` command: the owner's work from a shell, over the gateway's admin API.

One command's path: `grammar` reads the line → a function of `commands/` → `reach` finds the gateway (over HTTP where
one serves, in this process where none does) → `output` prints. Heavy libraries are imported where they are used, so
that `aethergate --help` answers at once.
"""
