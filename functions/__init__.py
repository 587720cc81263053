"""One folder per endpoint: an isolated Quart handler. DESIGN.md section 4 says how one is made."""
