"""The tables as Tortoise sees them, for the catalogue, the admin functions and queries.

The tables are made by `migrations/`, which also holds what an ORM cannot say (CHECKs, triggers). Money columns
(`User.balance`, `held`, `seq`, `Request` and `Entry` rows) are written by the ledger's writer alone: here they are
only read.
Times are microseconds since 1970 in UTC; amounts are nano-units; `*_json` columns hold JSON text.
"""

from tortoise import fields
from tortoise.models import Model


class User(Model):
    """A customer and the one row that holds their money."""

    id = fields.CharField(64, primary_key=True)
    name = fields.CharField(200, unique=True)
    balance = fields.BigIntField(default=0)
    held = fields.BigIntField(default=0)
    seq = fields.BigIntField(default=0)
    active = fields.BooleanField(default=True)
    weight = fields.IntField(default=1)
    limits_json = fields.TextField(default="{}")
    created_us = fields.BigIntField()

    class Meta:
        table = "users"


class Key(Model):
    """An API key; the secret itself is nowhere, only its HMAC."""

    id = fields.CharField(32, primary_key=True)
    """The public part, in clear inside the key."""
    user_id = fields.CharField(64)
    name = fields.CharField(200)
    secret_hmac = fields.CharField(64)
    prefix = fields.CharField(32)
    active = fields.BooleanField(default=True)
    owner = fields.BooleanField(default=False)
    """The gateway owner's own: it goes to the front of every queue."""
    limits_json = fields.TextField(default="{}")
    models_json = fields.TextField(null=True)
    expires_us = fields.BigIntField(null=True)
    replaced_by = fields.CharField(32, null=True)
    created_us = fields.BigIntField()
    last_used_us = fields.BigIntField(null=True)

    class Meta:
        table = "keys"


class OwnModel(Model):
    """A model that the owner declared by CLI or API; it overrides one of the same id in gateway.yaml."""

    id = fields.CharField(200, primary_key=True)
    targets_json = fields.TextField()
    """[["backend", "upstream", weight], …]"""
    max_output = fields.IntField(null=True)
    fallback = fields.CharField(200, null=True)
    """The model that serves where all its backends are gone; null: what gateway.yaml says."""
    active = fields.BooleanField(default=True)
    created_us = fields.BigIntField()

    class Meta:
        table = "models"


class PriceVersion(Model):
    """One dated price list of a model, or of a model at one endpoint; never changed, the latest wins."""

    id = fields.CharField(64, primary_key=True)
    model = fields.CharField(200)
    endpoint = fields.CharField(100, default="")
    """Empty: everywhere the endpoint has no price of its own."""
    version = fields.IntField()
    price_json = fields.TextField()
    source = fields.CharField(10)
    """"file" or "owner"."""
    actor = fields.CharField(200)
    created_us = fields.BigIntField()

    class Meta:
        table = "price_versions"
        unique_together = (("model", "endpoint", "version"),)


class Request(Model):
    """One request: the hold, the bill and the log line, under one id."""

    id = fields.CharField(64, primary_key=True)
    state = fields.CharField(10)
    """HELD, STREAMING, SETTLED or VOID."""
    instance = fields.CharField(64)
    user_id = fields.CharField(64)
    key_id = fields.CharField(32)
    endpoint = fields.CharField(100)
    model = fields.CharField(200)
    backend = fields.CharField(100, null=True)
    upstream = fields.CharField(200, null=True)
    price_id = fields.CharField(64, null=True)
    tier = fields.CharField(20, default="default")
    price_factor_ppm = fields.BigIntField(default=1_000_000)
    """Millionths of the price version that the tier cost at the request's admission."""
    stream = fields.BooleanField(default=False)
    held = fields.BigIntField(default=0)
    charged = fields.BigIntField(default=0)
    shortfall = fields.BigIntField(default=0)
    refunded = fields.BigIntField(default=0)
    progress = fields.BigIntField(default=0)
    """What the last checkpoint of a running stream would cost, in nano-units."""
    basis = fields.CharField(12, null=True)
    units_json = fields.TextField(default="{}")
    """{"input": 32, "output": 5, "cached": 0, …}: fields of Units, only those that are not 0."""
    input_tokens = fields.BigIntField(default=0)
    output_tokens = fields.BigIntField(default=0)
    status = fields.IntField(null=True)
    """The HTTP status the caller saw; 499 where the caller left."""
    error_code = fields.CharField(64, null=True)
    error = fields.TextField(null=True)
    created_us = fields.BigIntField()
    held_us = fields.BigIntField(null=True)
    first_byte_us = fields.BigIntField(null=True)
    finished_us = fields.BigIntField(null=True)
    served_model = fields.CharField(200, null=True)
    """Where another model served than the one that was asked for: its fallback."""

    class Meta:
        table = "requests"


class Entry(Model):
    """One transfer of the ledger, debit → credit, amount > 0; append-only."""

    id = fields.CharField(80, primary_key=True)
    kind = fields.CharField(12)
    """usage, topup, refund, adjustment."""
    debit = fields.CharField(80)
    credit = fields.CharField(80)
    """`user:<id>` or an account of the house: cash, revenue, adjustments."""
    amount = fields.BigIntField()
    user_id = fields.CharField(64)
    seq = fields.BigIntField()
    balance_after = fields.BigIntField()
    request_id = fields.CharField(64, null=True)
    actor = fields.CharField(200)
    reason = fields.TextField(default="")
    created_us = fields.BigIntField()

    class Meta:
        table = "entries"


class Instance(Model):
    """A running gateway process and the lease that keeps its holds alive."""

    id = fields.CharField(64, primary_key=True)
    url = fields.CharField(200, null=True)
    started_us = fields.BigIntField()
    lease_until_us = fields.BigIntField()
    """0: it was seen to be gone."""
    place = fields.TextField(null=True)
    """Who it is on its machine (infra.ledger.life); null where the platform does not tell."""
    pid = fields.BigIntField(null=True)
    born = fields.BigIntField(null=True)

    class Meta:
        table = "instances"


class Replay(Model):
    """The answer to a request with an Idempotency-Key."""

    id = fields.CharField(300, primary_key=True)
    """scope + ":" + key"""
    fingerprint = fields.CharField(64)
    status = fields.IntField(null=True)
    """Null while the first one runs."""
    body = fields.TextField(null=True)
    created_us = fields.BigIntField()

    class Meta:
        table = "replays"


class AuditEvent(Model):
    """Who changed what, from where."""

    id = fields.CharField(64, primary_key=True)
    at_us = fields.BigIntField()
    actor = fields.CharField(200)
    address = fields.CharField(64)
    action = fields.CharField(64)
    """noun.verb: user.create, key.mint, price.set, ledger.topup."""
    target = fields.CharField(300)
    before_json = fields.TextField(null=True)
    after_json = fields.TextField(null=True)

    class Meta:
        table = "audit_events"
