"""The clinic's webhooks, judged by the reference library of Standard Webhooks."""

import asyncio
import base64
import hashlib
import hmac
import json
import re
import struct
import time

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from harness.server import Server
from standardwebhooks import Webhook, WebhookVerificationError

ADMIN = "chef@cabinet.example"
PASSWORD = "sept tortues grises au marché"


@pytest_asyncio.fixture
async def clinic():
    env = {
        "CHEVET_CLINIC__ADMINISTRATORS": f'["{ADMIN}"]',
        "CHEVET_CLINIC__WEBHOOKS_TO_PRIVATE_NETWORKS": "true",
    }
    server = Server("clinic-webhooks", env)
    try:
        yield await server.start()
    finally:
        await server.close()


@pytest_asyncio.fixture
async def portal():
    """A portal's endpoint: its address, and a queue of what came."""
    came: asyncio.Queue = asyncio.Queue()

    async def take(request: web.Request) -> web.Response:
        await came.put((dict(request.headers), await request.text()))
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/hook", came
    await runner.cleanup()


def one_time_code(secret: str) -> str:
    """RFC 6238, with the RFC's defaults."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at : at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


async def mailed(http: aiohttp.ClientSession, base: str) -> str:
    """The secret of the confirmation mail, from the emulated relay."""
    for _ in range(200):
        async with http.get(f"{base}/dev/outbox/messages") as answer:
            text = json.dumps(await answer.json())
        if found := re.search(r"/inscription/confirmer#([\w-]+)", text):
            return found.group(1)
        await asyncio.sleep(0.05)
    raise AssertionError("no mail came")


async def administrator(http: aiohttp.ClientSession, base: str) -> str:
    """Registers, confirms, logs in with two factors; gives the CSRF token."""

    async def post(path: str, body=None, csrf: str = ""):
        async with http.post(f"{base}/api/v1{path}", json=body, headers={"X-CSRF-Token": csrf}) as answer:
            said = await answer.json()
            assert answer.status < 300, said
            return said

    person = {
        "first_name": "Jeanne", "exercise_name": "Martin", "profession_code": "10", "rpps": "10101010105",
        "email": ADMIN, "password": PASSWORD, "accepts_terms": True,
    }  # fmt: skip
    await post("/registrations", person)
    await post("/registrations/confirm", {"token": await mailed(http, base)})
    half = await post("/auth/password", {"email": ADMIN, "password": PASSWORD})
    enrolment = await post("/auth/mfa/enrolment", None, half["csrf_token"])
    code = {"code": one_time_code(enrolment["secret"])}
    done = await post("/auth/mfa/enrolment/confirm", code, half["csrf_token"])
    return done["session"]["csrf_token"]


async def test_a_webhook_is_good_for_the_reference_library_and_only_as_it_was_sent(clinic, portal):
    url, came = portal
    base = clinic.http
    # Cookies of a plain loopback address are kept only when asked for.
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        csrf = {"X-CSRF-Token": await administrator(browser, base)}
        wanted = {"name": "Portail", "scopes": ["webhooks:write"]}
        async with browser.post(f"{base}/api/v1/api-clients", json=wanted, headers=csrf) as answer:
            made = await answer.json()
            assert answer.status == 201, made

    async with aiohttp.ClientSession() as http:
        login = aiohttp.BasicAuth(made["client"]["id"], made["client_secret"])
        grant = {"grant_type": "client_credentials"}
        async with http.post(f"{base}/api/v1/oauth/token", data=grant, auth=login) as answer:
            token = (await answer.json())["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        hooks = f"{base}/api/v1/webhook-endpoints"
        async with http.post(hooks, json={"url": url}, headers=headers) as answer:
            endpoint = await answer.json()
            assert answer.status == 201, endpoint
        async with http.post(f"{hooks}/{endpoint['endpoint']['id']}/test", headers=headers) as answer:
            assert answer.status == 202
        sent, body = await asyncio.wait_for(came.get(), 20)

    judge = Webhook(endpoint["secret"])
    assert judge.verify(body, sent)["type"] == "webhook.test"
    with pytest.raises(WebhookVerificationError):
        judge.verify(body.replace("webhook.test", "payment.paid"), sent)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + base64.b64encode(bytes(32)).decode()).verify(body, sent)
