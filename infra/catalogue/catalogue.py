"""The models on sale now, in memory: asked on every request, read from the database only when something changed."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

import msgspec
from tortoise.exceptions import IntegrityError

from infra.catalogue.offer import Listed, Offer
from infra.catalogue.prices import PriceBook, price_list
from infra.config.faults import did_you_mean
from infra.config.objects import Endpoint, Limits, Manifest, Model, Target
from infra.errors import ModelNotAllowed, ModelUnknown, NotFound
from infra.metering.price import PriceList
from infra.store.clock import now_us
from infra.store.database import Store
from infra.store.models import OwnModel, PriceVersion

T = TypeVar("T")
WRITE_ATTEMPTS = 10


class Catalogue:
    """One per gateway: `load`, then `offer`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._book = PriceBook()
        self._own: dict[str, OwnModel] = {}
        self._manifest: Manifest | None = None
        self._made: dict[tuple[str, str], Offer] = {}
        """Offers by model and endpoint, made at the first request for each."""

    # --- from gateway.yaml and the database ---------------------------------------------------------------------------

    async def load(self, manifest: Manifest) -> None:
        """Takes over a manifest: writes the file's changed prices as versions, then reads what is in force."""

        async def work() -> None:
            for place, prices in _file_prices(manifest):
                await self._book.set_from_file(place, prices)

        await self._write(work)
        self._manifest = manifest
        self._made = {}

    apply = load

    async def refresh(self) -> None:
        """Reads again what another process may have changed."""
        await self._book.read()
        self._own = {model.id: model for model in await OwnModel.filter(active=True)}
        self._made = {}

    async def _write(self, work: Callable[[], Awaitable[T]]) -> T:
        """Runs `work` on what is in force now, and reads what it made of it."""

        async def fresh() -> T:
            for attempt in range(WRITE_ATTEMPTS):
                await self.refresh()
                try:
                    found = await work()
                    break
                except IntegrityError:
                    # Another process wrote that version number, or that model, at the same moment: look again, and
                    # not in step with it.
                    if attempt == WRITE_ATTEMPTS - 1:
                        raise
                    await asyncio.sleep(random.uniform(0, 0.1))
            await self.refresh()
            return found

        return await self._store.write(fresh)

    # --- for requests -------------------------------------------------------------------------------------------------

    def offer(self, model_id: str, endpoint: Endpoint, meters: Iterable[str] = ()) -> Offer:
        """The model at this endpoint; raises ModelUnknown, ModelNotAllowed (not sold here, or a price is missing)."""
        found = self._find(model_id, endpoint)
        if found is None:
            raise ModelUnknown(
                f"The model {model_id[:200]!r} does not exist or you do not have access to it.", param="model"
            )
        if endpoint.models is not None and model_id not in endpoint.models:
            raise ModelNotAllowed(f"The model {model_id!r} is not offered at this endpoint.", param="model")
        missing = found.price.missing(tuple(meters))
        if missing:
            raise ModelNotAllowed(
                f"The model {model_id!r} has no price for {', '.join(missing)}, which this endpoint needs.",
                param="model",
            )
        return found

    def offers(self, endpoint: Endpoint, meters: Iterable[str] = ()) -> list[Offer]:
        """Everything that `offer` would give at this endpoint."""
        ids = endpoint.models if endpoint.models is not None else self.ids()
        found = [offer for id in ids if (offer := self._find(id, endpoint)) is not None]
        return [offer for offer in found if not offer.price.missing(tuple(meters))]

    def ids(self) -> list[str]:
        """Every model's id, the file's first, in its order."""
        declared = list(self._require().models)
        return declared + [id for id in self._own if id not in self._require().models]

    def _find(self, model_id: str, endpoint: Endpoint | None) -> Offer | None:
        place = (model_id, endpoint.name if endpoint is not None else "")
        if place not in self._made:
            made = self._make(model_id, endpoint)
            if made is None:
                return None  # not remembered: anybody can ask for names that do not exist
            self._made[place] = made
        return self._made[place]

    def _make(self, model_id: str, endpoint: Endpoint | None) -> Offer | None:
        declared, own = self._require().models.get(model_id), self._own.get(model_id)
        if declared is None and own is None:
            return None
        version = self._version(model_id, endpoint)
        return Offer(
            id=model_id,
            targets=_targets(own) if own is not None else declared.targets if declared is not None else (),
            price=price_list(version) if version is not None else PriceList(),
            price_id=version.id if version is not None else "",
            max_output=_first(own.max_output if own else None, declared.max_output if declared else None),
            context=declared.context if declared is not None else None,
            limits=declared.limits if declared is not None else Limits(),
            fallback=_first(own.fallback if own else None, declared.fallback if declared else None),
            created_us=self._book.first_us.get(model_id, 0),
        )

    def _version(self, model_id: str, endpoint: Endpoint | None) -> PriceVersion | None:
        """An endpoint's own price counts only while gateway.yaml gives it one."""
        if endpoint is not None and endpoint.models is not None and endpoint.models.get(model_id) is not None:
            return self._book.latest.get((model_id, endpoint.name))
        return self._book.latest.get((model_id, ""))

    def _require(self) -> Manifest:
        if self._manifest is None:
            raise TypeError("the catalogue is not loaded")
        return self._manifest

    # --- for the owner ------------------------------------------------------------------------------------------------

    def listed(self, model_id: str) -> Listed:
        """A model with who declared it and what overrides the file; raises NotFound."""
        offer = self._find(model_id, None)
        if offer is None:
            raise NotFound(f"There is no model {model_id[:200]!r}{did_you_mean(model_id, self.ids())}.")
        declared = self._require().models.get(model_id)
        version = self._book.latest.get((model_id, ""))
        return Listed(
            id=offer.id,
            targets=offer.targets,
            source="owner" if model_id in self._own else "file",
            price=offer.price,
            price_id=version.id if version else None,
            price_version=version.version if version else None,
            price_source=version.source if version else None,
            max_output=offer.max_output,
            context=offer.context,
            fallback=offer.fallback,
            limits=offer.limits,
            overrides_file=declared is not None and _differs(offer, declared),
        )

    def overrides(self, manifest: Manifest | None = None) -> list[str]:
        """One sentence for each thing that the owner set and that would differ from this gateway.yaml (for check and
        plan); without one, from the file in force. A price that the file changes wins, so it is not among them."""
        found = []
        for model_id, declared in (manifest or self._require()).models.items():
            own, place = self._own.get(model_id), (model_id, "")
            if own is not None and _targets(own) != declared.targets:
                found.append(f"{model_id}: its backend was set by the owner; the file's does not count")
            if own is not None and own.max_output not in (None, declared.max_output):
                found.append(f"{model_id}: its max_output was set by the owner; the file's does not count")
            if own is not None and own.fallback not in (None, declared.fallback):
                found.append(f"{model_id}: its fallback was set by the owner; the file's does not count")
            said, latest = self._book.from_file.get(place), self._book.latest.get(place)
            if said is None or latest is None or price_list(said) != declared.price:
                continue
            if price_list(latest) != declared.price:
                found.append(f"{model_id}: its price was set by the owner; the file's does not count until it changes")
        return found

    def prices_in_force(self) -> dict[str, PriceList]:
        """What each model costs now, whoever said so; without the prices of single endpoints, which the file alone
        can set."""
        return {id: price_list(version) for (id, endpoint), version in self._book.latest.items() if not endpoint}

    async def put_model(
        self,
        model_id: str,
        targets: tuple[Target, ...],
        max_output: int | None,
        price: PriceList | None,
        actor: str,
        fallback: str | None = None,
    ) -> Listed:
        """Declares or changes a model, and its price where one is given."""

        async def work() -> None:
            columns: dict[str, Any] = {
                "targets_json": msgspec.json.encode([(t.backend, t.upstream, t.weight) for t in targets]).decode(),
                "max_output": max_output,
                "fallback": fallback,
                "active": True,
            }
            if await OwnModel.exists(id=model_id):
                await OwnModel.filter(id=model_id).update(**columns)
            else:
                await OwnModel.create(id=model_id, created_us=now_us(), **columns)
            if price is not None:
                await self._book.set_by_owner((model_id, ""), price, actor)

        await self._write(work)
        return self.listed(model_id)

    async def set_price(self, model_id: str, price: PriceList, actor: str) -> Listed:
        """Sets the price of a model of either source; raises NotFound."""
        self.listed(model_id)
        await self._write(lambda: self._book.set_by_owner((model_id, ""), price, actor))
        return self.listed(model_id)

    async def remove(self, model_id: str, actor: str) -> None:
        """Forgets what the owner declared; a model of gateway.yaml is the file's again, with the file's price. Raises
        NotFound."""

        async def work() -> bool:
            gone = await OwnModel.filter(id=model_id, active=True).update(active=False)
            declared = self._require().models.get(model_id)
            back = declared is not None and await self._book.set_by_owner((model_id, ""), declared.price, actor)
            return bool(gone) or back

        if not await self._write(work):
            raise NotFound(f"The owner has declared no model {model_id[:200]!r}; one of gateway.yaml is removed there.")

    async def prices(self, model_id: str) -> list[PriceVersion]:
        """Every version of a model's prices, newest first."""
        return await PriceVersion.filter(model=model_id).order_by("-created_us", "-version")


def _first(*values: T | None) -> T | None:
    return next((value for value in values if value is not None), None)


def _differs(offer: Offer, declared: Model) -> bool:
    mine = offer.targets, offer.price, offer.max_output, offer.fallback
    return mine != (declared.targets, declared.price, declared.max_output, declared.fallback)


def _targets(own: OwnModel) -> tuple[Target, ...]:
    return tuple(Target(*one) for one in msgspec.json.decode(own.targets_json))


def _file_prices(manifest: Manifest) -> Iterable[tuple[tuple[str, str], PriceList]]:
    for model in manifest.models.values():
        yield (model.id, ""), model.price
    for endpoint in manifest.endpoints:
        for model_id, prices in (endpoint.models or {}).items():
            if prices is not None:
                yield (model_id, endpoint.name), prices
