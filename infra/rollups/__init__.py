"""Sums of ended requests by hour and day, kept beside the request log, so that figures over months answer at once.

    facts = Facts(store)
    rows = await facts.grouped(("day", "model"), since_us, until_us)            # sums; exact at any moment
    roller = Roller(store); await roller.step()                                 # sums up what has closed since

`facts` adds sums and what is not summed up yet in one statement; `roller` makes the sums, `speeds` the histograms of
latencies. Everything here is derived from the request log: `Roller.forget` throws it away, and it comes again.
"""
