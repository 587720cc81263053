"""A scratch database full of believable traffic, for looking at pages and for measuring: `aethergate demo-data`.

    filled = await fill(manifest, secrets, Wish(users=1000, requests=1_000_000, days=90, seed=1), say=print)

`world` makes users, keys and what is sold, `traffic` the requests hour by hour, `fill` puts them into the books. Money
moves through the ledger's own rules and its own commit, so balances, numbers and entries are what they would be.
"""
