"""The commands, one file per noun; each file's `add(app)` declares its own."""
