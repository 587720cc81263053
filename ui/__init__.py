"""The control room ("Mission Control"): NiceGUI pages over the gateway's HTTP admin API, in a process of their own.

One request's path: `guard` (headers, who may pass) → `sign_in` (plain HTML) or a page of `pages/` inside `frame`,
whose `Desk` asks the admin API with the viewer's session. `parts/` are what pages are made of; `show` writes numbers.

Foreign text (names, models, errors) only ever travels as a *value*: NiceGUI evaluates keys and props that begin with
":" as JavaScript, so no foreign text becomes a key of an option, a prop string, a class or a template.
"""

import os
from pathlib import Path

# NiceGUI reads this once, at import. Nothing secret is stored there: sessions live in memory (ui/session.py).
os.environ.setdefault("NICEGUI_STORAGE_PATH", str(Path(".aethergate/ui").resolve()))
