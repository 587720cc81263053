"""Price versions: immutable, dated, the latest wins (docs/design.md, Configuration)."""

import msgspec

from infra.metering.price import PriceList
from infra.store.clock import now_us
from infra.store.ids import new
from infra.store.models import PriceVersion

Place = tuple[str, str]
"""A model, and the endpoint whose own price it is: empty for everywhere."""


def price_list(version: PriceVersion) -> PriceList:
    """The prices of a version."""
    return PriceList.of(msgspec.json.decode(version.price_json))


class PriceBook:
    """All versions' latest, by place, as they were last read."""

    def __init__(self) -> None:
        self.latest: dict[Place, PriceVersion] = {}
        self.from_file: dict[Place, PriceVersion] = {}
        """What gateway.yaml last said."""
        self.first_us: dict[str, int] = {}
        """When each model got its first price."""

    async def read(self) -> None:
        """Reads every version anew; the table grows by price changes only."""
        latest: dict[Place, PriceVersion] = {}
        from_file: dict[Place, PriceVersion] = {}
        first_us: dict[str, int] = {}
        for version in await PriceVersion.all().order_by("version"):
            place = (version.model, version.endpoint)
            latest[place] = version
            if version.source == "file":
                from_file[place] = version
            first_us[version.model] = min(version.created_us, first_us.get(version.model, version.created_us))
        self.latest, self.from_file, self.first_us = latest, from_file, first_us

    async def set_from_file(self, place: Place, prices: PriceList) -> None:
        """Writes a version only where the file says something else than it last said: so a reload never undoes what
        the owner changed by hand."""
        known = self.from_file.get(place)
        if known is None or price_list(known) != prices:
            await self._append(place, prices, "file", "gateway.yaml")

    async def set_by_owner(self, place: Place, prices: PriceList, actor: str) -> bool:
        """Writes a version, and says so, where the price is not in force already."""
        known = self.latest.get(place)
        if known is not None and price_list(known) == prices:
            return False
        await self._append(place, prices, "owner", actor)
        return True

    async def _append(self, place: Place, prices: PriceList, source: str, actor: str) -> None:
        """Raises IntegrityError where another process wrote meanwhile: the number follows what was decided upon, not
        what is there now, so a decision upon an old state never stands."""
        newest = self.latest.get(place)
        version = await PriceVersion.create(
            id=new("price"),
            model=place[0],
            endpoint=place[1],
            version=1 if newest is None else newest.version + 1,
            price_json=msgspec.json.encode(prices.to_json()).decode(),
            source=source,
            actor=actor,
            created_us=now_us(),
        )
        self.latest[place] = version
        if source == "file":
            self.from_file[place] = version
        self.first_us.setdefault(place[0], version.created_us)
