"""gateway.yaml as it is in force, and the file on the disk as it would be.

GET /admin/config           what is in force, defaults filled in, secrets never
POST /admin/config/check    {"ok", "faults": [{"file", "line", "where", "message"}], "notes", "overrides"}; always 200
POST /admin/config/plan     {"changes": [{"kind", "subject", "text"}], "overrides": […]}; 400 with all faults
POST /admin/config/apply    the same, after applying it; a faulty file changes nothing

A change of a price or of a model also says how many keys and users used that model in the last 30 days.
"""
