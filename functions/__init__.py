"""One folder per endpoint: an isolated Quart handler. docs/design.md, A function, says how one is made."""
