"""Requests made from the description of the clinic's API, good ones and bad ones, by somebody who is logged in: the server
never loses its head."""

import asyncio
import itertools
import os
import random
import time
import warnings

import hypothesis
import pytest_asyncio
import requests
import schemathesis
from harness.clinic import SETTINGS, Clinic, mobile
from harness.server import Server
from schemathesis import GenerationMode
from test_guide_call import a_pdf

SEED = 20261126
# For all operations together, in seconds; the first round through all of them is finished in any case.
BUDGET_S = int(os.environ.get("SCHEMATHESIS_S", "40"))
EXAMPLES = 5
# Asked last: afterwards there is less left to ask about.
ENDS = ("purge", "cancel", "end", "replan", "upgrade", "send-back", "remove", "deny", "leave", "withdraw")
LEFT_OUT = {
    # Streams without an end.
    "/api/v1/consultations/events", "/api/v1/consultations/{id}/events", "/p/v1/events",
    # Would log the tester out, or lock out the administrator.
    "/api/v1/auth/logout", "/api/v1/me/password", "/api/v1/admin/users/{id}/block", "/api/v1/admin/users/{id}/roles",
    "/api/v1/admin/users/{id}/sessions/end", "/api/v1/admin/users/{id}/second-factor/reset",
}
NOT_HERE = ("adapter-not-configured", "provider-unavailable")
FOR_ADMINISTRATORS = ("/api/v1/admin/", "/api/v1/payment-accounts", "/api/v1/api-clients", "/api/v1/registrations",
    "/api/v1/webhook-endpoints")  # fmt: skip


@pytest_asyncio.fixture
async def clinic():
    server = Server("clinic-schemathesis", SETTINGS | {"CHEVET_CLINIC__SMS__PER_PROFESSIONAL": "100000"})
    clinic = Clinic(await server.start())
    try:
        yield clinic
    finally:
        await clinic.close()
        await server.close()


def cookies(browser) -> dict[str, str]:
    return {cookie.key: cookie.value for cookie in browser.http.cookie_jar}


def cases(operation):
    """As described, and not; without parameters and body there is nothing to get wrong."""
    good = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    if not operation.definition.raw.get("parameters") and "requestBody" not in operation.definition.raw:
        return good
    return good | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)


async def test_no_request_that_the_description_allows_or_forbids_is_an_internal_error(clinic):
    doctor = await clinic.professional("essai@cabinet.example")
    typed, number = mobile()
    one = await clinic.dossier(doctor, [{"channel": "sms", "phone": typed}])
    guest = await clinic.waits(await clinic.secret(number))
    admin = await clinic.administrator()
    path = f"/api/v1/consultations/{one['id']}"
    document = (await clinic.hand_over(doctor, f"{path}/documents", "a.pdf", a_pdf(), "certificate")).json
    # Ids that are there, so that more than the first line of a handler is reached.
    known = {
        "consultations": one["id"], "patients": one["patient"]["id"], "participant": guest.seat,
        "invitation": one["invitations"][0]["id"], "document": document["id"],
    }  # fmt: skip
    description = await doctor.get("/api/v1/openapi.json")
    for operation in (one for path in description["paths"].values() for one in path.values()):
        content = operation.get("requestBody", {}).get("content", {})
        for kind in [kind for kind in content if kind != "application/json"]:
            # Bytes, of which the generator knows no more than this.
            content["application/octet-stream"] = content.pop(kind)
    schema = schemathesis.openapi.from_dict(description)
    operations = [one.ok() for one in schema.get_all_operations()]
    operations = [one for one in operations if one.path not in LEFT_OUT]
    random.Random(SEED).shuffle(operations)
    operations.sort(key=lambda one: one.method == "delete" or one.path.rsplit("/", 1)[-1] in ENDS)
    asked: dict[str, int] = {}
    statuses: dict[int, int] = {}
    people = {
        "account": ({"X-CSRF-Token": doctor.csrf}, cookies(doctor)),
        "guest": ({"X-CSRF-Token": guest.csrf}, cookies(guest)),
        "administrator": ({"X-CSRF-Token": admin.csrf}, cookies(admin)),
    }
    http = requests.Session()

    def ask(case, turn: int) -> None:
        parts = case.path_parameters or {}
        if turn % 2 and "id" in parts:
            parts["id"] = known.get(case.operation.path.split("/")[3], parts["id"])
            parts |= {name: known[name] for name in ("participant", "invitation", "document") if name in parts}
        path = case.operation.path
        who = "guest" if path.startswith("/p/") else "account"
        headers, cookie = people["administrator" if path.startswith(FOR_ADMINISTRATORS) else who]
        http.cookies.clear()
        answer = case.call(
            base_url=clinic.server.http, session=http, headers=headers, cookies=cookie, allow_redirects=False, timeout=20
        )
        label = case.operation.label
        asked[label] = asked.get(label, 0) + 1
        statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
        # What this server cannot do without somebody else is said, with a word of its own.
        problem = answer.status_code < 500 or answer.json()["code"] in NOT_HERE
        assert problem, f"{label}: {answer.status_code} {answer.content[:300]!r}\n{case.as_curl_command()}"

    def run() -> None:
        end = time.monotonic() + BUDGET_S
        turn = 0
        for lap in itertools.count():
            for number, operation in enumerate(operations):
                if lap > 0 and time.monotonic() > end:
                    return

                @hypothesis.seed(SEED + number + 10_000 * lap)
                @hypothesis.settings(
                    max_examples=EXAMPLES if lap == 0 else 30,
                    deadline=None,
                    database=None,
                    suppress_health_check=list(hypothesis.HealthCheck),
                    phases=[hypothesis.Phase.generate],
                )
                @hypothesis.given(case=cases(operation))
                def one_operation(case):
                    nonlocal turn
                    turn += 1
                    ask(case, turn)

                one_operation()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        await asyncio.to_thread(run)
    assert clinic.server.alive(), clinic.server.tail()
    print(f"{sum(asked.values())} requests to {len(asked)} operations: {dict(sorted(statuses.items()))}")
    assert len(asked) == len(operations), {one.label for one in operations} - set(asked)
    good = sum(count for status, count in statuses.items() if status < 300)
    assert good > 100, f"most were refused at the door: {statuses}"
    assert "panicked" not in clinic.server.log.read_text(errors="replace")
