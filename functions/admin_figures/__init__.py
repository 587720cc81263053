"""Figures over time for the owner.

GET /admin/series     ?step=hour|day&by=none|model|user|key|backend&from=&to=&user=&key=&model=: points for charts
GET /admin/margins    ?days=30: revenue less electricity, by backend and model
POST /admin/figures/rebuild    sums up the whole log anew
"""
