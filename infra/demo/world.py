"""Who uses the demo house and what it sells: users from heavy to light, their keys, models with dated prices."""

import random
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field

from infra.config.objects import Manifest
from infra.demo.ids import id_at
from infra.metering.price import PriceList
from infra.store.clock import SECOND_US
from infra.units import DAYS, NANO, price

DAY_US = DAYS * SECOND_US
MODELS_LEAST = 5
_GIVEN = """
    ada ben chloe dario elif farid greta hana igor jonas kaya lena mateo noor olga pavel quinn rosa sami tara umar vera
    wen xenia yuki zoe anders birgit carlos daria emre fatima goran helga ivan julia karim lucia milan nadia
"""
_FAMILY = """
    lovelace okafor silva tanaka novak haddad larsen moreau keller rossi petrov yilmaz nguyen garcia kowalski dubois
    fischer andersson costa murphy sato ivanova bauer lindgren
"""
ODD = ("O'Brien & Söhne GmbH", "<b>bold</b> labs", '=HYPERLINK("http://example.test")', "李雷", "Ωmega-team")
"""Names as people have them: foreign text must stay text, in pages and in exports."""
KEY_NAMES = ("default", "laptop", "ci", "notebook", "production", "old script", "phone")


@dataclass(frozen=True, slots=True)
class Sold:
    """A model with its prices over time; speeds in milliseconds and tokens per second, sizes in tokens."""

    id: str
    places: tuple[tuple[str, str], ...]
    """(backend, its own name there)."""
    task: str
    popularity: float
    prompt: int
    answer: int
    first_ms: int
    speed: int
    own: bool
    """Declared by the owner, not in gateway.yaml."""
    versions: list[tuple[int, str, PriceList]] = field(default_factory=list)
    """(from when, id, prices), oldest first."""

    def price_at(self, at_us: int) -> tuple[str, PriceList]:
        """The version in force."""
        place = bisect_right(self.versions, at_us, key=lambda version: version[0]) - 1
        return self.versions[max(0, place)][1:]


@dataclass(slots=True)
class Person:
    """A user: when they came and went, how much they ask, with what money."""

    id: str
    name: str
    joined_us: int
    left_us: int
    weight: float
    chunk: int
    """Nano-units of one top-up."""
    models: list[tuple[Sold, float]]
    keys: list[tuple[str, int]]
    """(id, created)."""
    streams: float
    """The share of streams."""
    balance: int = 0
    dry_until_us: int = 0


_MORE = (
    ("llama3.3:70b", 3.0, 900, 340, 420, 32, ("0.70/1M", "1.10/1M")),
    ("qwen3:32b", 2.0, 700, 420, 260, 46, ("0.35/1M", "0.80/1M")),
    ("gemma3:12b", 1.6, 450, 230, 150, 74, ("0.12/1M", "0.30/1M")),
    ("mistral-small:24b", 1.0, 600, 260, 190, 58, ("0.20/1M", "0.45/1M")),
)


def shop(rng: random.Random, manifest: Manifest, start_us: int, end_us: int) -> list[Sold]:
    """The models of gateway.yaml, and the owner's own where those are few; a few change their price on the way."""
    found = [
        Sold(
            model.id, tuple((target.backend, target.upstream) for target in model.targets),
            "chat" if model.price.output is not None else "embedding", rng.uniform(0.8, 2.0),
            rng.randint(200, 700), rng.randint(120, 320), rng.randint(80, 300), rng.randint(40, 110), False,
        )
        for model in manifest.models.values()
        if model.price.input is not None
    ]  # fmt: skip
    backends = list(manifest.backends)
    for place, (name, popularity, prompt, answer, first, speed, _) in enumerate(_MORE):
        if len(found) >= MODELS_LEAST or name in manifest.models:
            continue
        where = ((backends[place % len(backends)], name),)
        found.append(Sold(name, where, "chat", popularity, prompt, answer, first, speed, True))
    for sold in found:
        _price(rng, sold, manifest, start_us, end_us)
    return found


def _price(rng: random.Random, sold: Sold, manifest: Manifest, start_us: int, end_us: int) -> None:
    """The last version is what gateway.yaml says, so that a gateway that starts on this adds none."""
    if sold.own:
        said = next(each[6] for each in _MORE if each[0] == sold.id)
        now = PriceList(input=price(said[0]), output=price(said[1]))
    else:
        now = manifest.models[sold.id].price
    moments = [start_us - DAY_US]
    if rng.random() < 0.6:
        moments.append(start_us + round((end_us - start_us) * rng.uniform(0.3, 0.8)))
    for number, moment in enumerate(moments):
        factor = 100 if number == len(moments) - 1 else rng.choice((80, 125, 150))
        prices = PriceList.of({meter: nano * factor // 100 for meter, nano in now.to_json().items()})
        sold.versions.append((moment, id_at(rng, "price", moment), prices))


def people(
    rng: random.Random, count: int, sold: list[Sold], start_us: int, end_us: int, key_id: Callable[[], str]
) -> list[Person]:
    """`count` users; `key_id` gives the id of one more key."""
    return [_person(rng, name, sold, start_us, end_us, key_id) for name in _names(rng, count)]


def _names(rng: random.Random, count: int) -> list[str]:
    plain = [f"{given}.{family}" for given in _GIVEN.split() for family in _FAMILY.split()]
    rng.shuffle(plain)
    found = [*ODD, *plain]
    found += [f"{name}{number}" for number in range(2, 2 + count // len(plain) + 1) for name in plain]
    return found[:count]


def _person(
    rng: random.Random, name: str, sold: list[Sold], start_us: int, end_us: int, key_id: Callable[[], str]
) -> Person:
    span = end_us - start_us
    # A quarter was there before; the rest come over time, more of them later.
    joined = start_us - rng.randrange(DAY_US) if rng.random() < 0.25 else start_us + round(span * rng.random() ** 0.7)
    left = end_us if rng.random() < 0.8 else min(end_us, joined + round(span * rng.uniform(0.1, 0.6)))
    chosen = rng.sample(sold, min(len(sold), rng.choice((1, 2, 2, 3))))
    keys: list[tuple[str, int]] = []
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3))):
        created = joined + round(max(0, left - joined) * rng.random() * 0.3) if keys else joined
        keys.append((key_id(), created))
    return Person(
        id=id_at(rng, "user", joined), name=name, joined_us=joined, left_us=left,
        weight=rng.lognormvariate(0, 1.6), chunk=rng.choice((2, 5, 5, 10, 20, 50, 100)) * NANO // 10,
        models=[(each, each.popularity * rng.random()) for each in chosen], keys=keys, streams=rng.uniform(0.3, 0.98),
    )  # fmt: skip
