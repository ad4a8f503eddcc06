import itertools

import pytest
import pytest_asyncio
from harness.clinic import DOCTOR, SETTINGS, Clinic
from harness.people import Person
from harness.proxy import Proxy
from harness.server import Server

_rooms = itertools.count(1)


@pytest_asyncio.fixture(scope="session")
async def server():
    """One server for all tests that leave it as they found it."""
    server = Server("shared")
    try:
        yield await server.start()
        assert server.alive(), f"the server ended by itself\n{server.tail()}"
    finally:
        await server.close()


@pytest_asyncio.fixture
async def own_server(request):
    """A server that the test may stop and start."""
    server = Server(request.node.name)
    try:
        yield await server.start()
    finally:
        await server.close()


@pytest_asyncio.fixture(scope="module")
async def clinic(request):
    """The clinic of all tests of one file."""
    server = Server(request.module.__name__, SETTINGS)
    clinic = Clinic(await server.start())
    try:
        yield clinic
    finally:
        await clinic.close()
        await server.close()


@pytest_asyncio.fixture(scope="module")
async def doctor(clinic):
    """A general practitioner, the holder of the emulated card."""
    return await clinic.professional(DOCTOR, number="10101010105")


@pytest.fixture
def room() -> str:
    """A name that no other test uses."""
    return f"room-{next(_rooms)}"


@pytest.fixture(params=["v1", "v0"])
def protocol(request) -> str:
    """By one peer connection, and by two."""
    return request.param


@pytest_asyncio.fixture
async def people():
    """Makes people, and sees them out at the end."""
    made: list[Person] = []

    def make(*args, **kwargs) -> Person:
        made.append(Person(*args, **kwargs))
        return made[-1]

    yield make
    for person in made:
        await person.leave()


@pytest_asyncio.fixture
async def stopped_at_the_end():
    """Tones, pictures, ears and eyes added to this list are stopped before people leave."""
    things: list = []
    yield things
    for thing in things:
        await thing.stop()


@pytest_asyncio.fixture
async def proxy_to():
    made: list[Proxy] = []

    async def make(port: int) -> Proxy:
        made.append(await Proxy(port).start())
        return made[-1]

    yield make
    for proxy in made:
        await proxy.close()
