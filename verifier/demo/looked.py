"""A scene of the demo: the customer and an auditor see who looked at the customer's data.

Implements specs/protocol.md section 7.17 (law L15).
"""

from __future__ import annotations

from collections.abc import Callable

import click

from verifier.demo.client import Caller

Check = Callable[[bool, str], None]


async def play(officer: Caller, auditor: Caller, customer: Caller, application_id: str, check: Check) -> None:
    """Play the scene. `customer` is the customer of the application."""
    await officer.get(f"/v1/applications/{application_id}")
    refused = await officer.post("/v1/looks/search", {"application_id": application_id})
    check(refused.status == 403, f"the officer opens the loan file, and asks who else did → {refused.json['slug']}")
    found = (await auditor.post("/v1/looks/search", {"staff_id": "4412", "limit": 1})).json["looks"]
    check(
        [each["operation"] for each in found] == ["get_application"], "an auditor asks what 4412 looked at → that file"
    )
    await auditor.post("/v1/looks/search", {"application_id": application_id})
    looks = (await customer.get("/v1/me/looks?limit=2")).json["looks"]
    who = [(each["reader"]["roles"], each["name"]) for each in looks]
    check(who == [(["auditor"], None), (["officer"], "李伟")], "the customer asks who looked → both of them")
    for each in looks:
        click.echo(f"      “{each['words'][0]['text']}” {each['name'] or each['reader']['id']}")
