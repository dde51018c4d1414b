"""A customer and their helper, for tests: each method is one request of one of the two."""

from __future__ import annotations

from tests.world import Json, Person, World, as_json
from verifier.core.messages.helpers import ConfirmForPerson, EnterInvitation, HelpedCallStatus, InviteHelper

DAY = 86_400


class Helping:
    """Requests of customers about helpers, in a world."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def invite(self, customer: Person, name: str = "女儿", key: str = "") -> Json:
        asked = InviteHelper(name)
        of = customer.principal
        return as_json(await self.world.service.helpers.invite(of, asked, self.world.key(of, asked, key)))

    async def enter(self, helper: Person, invitation: str, key: str = "") -> Json:
        asked = EnterInvitation(invitation, helper.name, "妈妈")
        of = helper.principal
        return as_json(await self.world.service.helping.enter(of, asked, self.world.key(of, asked, key)))

    async def accept(self, customer: Person, helper_id: str) -> Json:
        of = customer.principal
        return as_json(await self.world.service.helpers.confirm(of, helper_id, self.world.key(of)))

    async def add(self, customer: Person, helper: Person) -> str:
        """The customer invites the helper, who enters the invitation, and the customer confirms. Returns the id."""
        invited = await self.invite(customer)
        await self.enter(helper, invited["invitation"])
        await self.accept(customer, invited["helper_id"])
        return str(invited["helper_id"])

    async def confirm(self, helper: Person, helper_id: str, code: str, key: str = "") -> Json:
        asked = ConfirmForPerson(code)
        of = helper.principal
        confirm = self.world.service.confirmations.confirm_for
        return as_json(await confirm(of, helper_id, asked, self.world.key(of, asked, key)))

    async def call_status(self, helper: Person, helper_id: str) -> HelpedCallStatus:
        """The call status of the person helped, while the telephone exchange is alive."""
        await self.world.alive()
        return await self.world.service.helping.call_status(helper.principal, helper_id)

    async def end(self, customer: Person, helper_id: str) -> Json:
        return as_json(await self.world.service.helpers.end(customer.principal, helper_id))

    async def stop(self, helper: Person, helper_id: str) -> Json:
        return as_json(await self.world.service.helping.end(helper.principal, helper_id))

    async def helpers(self, customer: Person) -> list[Json]:
        helpers: list[Json] = as_json(await self.world.service.helpers.list(customer.principal))["helpers"]
        return helpers

    async def people(self, helper: Person) -> list[Json]:
        people: list[Json] = as_json(await self.world.service.helping.list(helper.principal))["people"]
        return people
