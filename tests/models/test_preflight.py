"""A key, address or proxy that cannot work is said before anything is sent or set aside, without showing a secret."""

from __future__ import annotations

import socket
import ssl
from importlib.util import find_spec

import pytest

from cascade.config import EndpointConfig
from cascade.errors import ConfigError, ModelError
from cascade.models.address import beta_url, client_url
from cascade.models.declared import endpoint_spec
from cascade.models.openai import OpenAIModel
from cascade.models.preflight import address_fault, check_proxies, header_fault
from cascade.models.reach import reach_of
from cascade.models.spec import EndpointSpec, RetryPolicy, Secret
from cascade.notices import Notice
from cascade.testing import ScriptedServer
from tests.models.support import FastClock, request, spec

KEYS = {
    "sk-0123\nabc": "a line end (U+000A) as character 8 of 11",
    "sk-0123\r": "a line end",
    "\u201csk-0123\u201d": "left double quotation mark (U+201C) as character 1",
    "sk 0123": "a space",
    "sk-0123\u200b": "zero width space",
    "\x00": "a control character",
    "schlüssel": "latin small letter u with diaeresis",
}


@pytest.mark.parametrize("key", KEYS)
def test_a_key_that_no_header_can_hold_is_refused_where_it_is_declared(key: str) -> None:
    declared = EndpointSpec(name="flash", model="m", base_url="http://h/v1", api_key=Secret(key))
    with pytest.raises(ConfigError) as caught:
        OpenAIModel(declared)
    assert KEYS[key] in str(caught.value)
    assert "flash: the API key" in str(caught.value)
    assert "sk-0123" not in str(caught.value)


def test_blanks_around_a_key_are_not_of_the_key() -> None:
    config = EndpointConfig.model_validate({"model": "m", "base_url": "http://h", "api_key": " sk-1\n"})
    assert endpoint_spec("flash", config).api_key.reveal() == "sk-1"


def test_a_header_may_have_spaces_within() -> None:
    assert header_fault("Bearer abc") is None
    assert header_fault("Bearer abc ") is not None


@pytest.mark.parametrize(
    "url", ["http://h:99999/v1", "http://h:0/v1", "ftp://h", "http:///v1", "http://[::1/v1", "h"]
)
def test_an_address_that_cannot_be_called_is_refused(url: str) -> None:
    assert address_fault(url)
    with pytest.raises(ConfigError, match="base_url"):
        OpenAIModel(EndpointSpec(name="flash", model="m", base_url=url))


@pytest.mark.parametrize(
    ("written", "url", "query"),
    [
        ("https://h/v1/", "https://h/v1", {}),
        ("https://h/d?api-version=2024-10-21", "https://h/d", {"api-version": "2024-10-21"}),
        ("https://h/v1/chat/completions", "https://h/v1", {}),
        ("https://h/v1/chat/completions/?a=1&b=2", "https://h/v1", {"a": "1", "b": "2"}),
        ("http://[::1]:8000/v1#x", "http://[::1]:8000/v1", {}),
    ],
)
def test_an_address_is_taken_as_people_write_it(written: str, url: str, query: dict[str, str]) -> None:
    assert client_url(written) == (url, query)


def test_the_beta_address_stands_beside_v1() -> None:
    assert beta_url("https://api.deepseek.com/v1/") == "https://api.deepseek.com/beta"
    assert beta_url("https://api.deepseek.com") == "https://api.deepseek.com/beta"
    assert beta_url("https://api.deepseek.com/beta") == "https://api.deepseek.com/beta"


async def test_a_query_goes_with_every_request() -> None:
    async with ScriptedServer("hello") as server:
        tier = OpenAIModel(spec(server, base_url=f"{server.base_url}?api-version=1"))
        with pytest.raises(ModelError, match=r"no such path: /v1/chat/completions\?api-version=1"):
            await tier.generate(request())
        await tier.aclose()


@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        ("socks://127.0.0.1:7897", "write socks5://127.0.0.1:7897"),
        ("socks4://user:secret@127.0.0.1:1", "of a kind that is not known: socks4"),
        ("ftp://proxy", "write http://proxy"),
        ("http://", "has no host"),
        ("http://proxy:port", "is no address"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_said_with_its_variable(proxy: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_proxies({"all": proxy})
    assert said in str(caught.value)
    assert "ALL_PROXY" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_socks_proxy_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cascade.models.preflight.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="pip install socksio"):
        check_proxies({"all": "socks5h://127.0.0.1:1"})


def test_proxies_that_can_be_used_pass() -> None:
    check_proxies({"http": "http://proxy:3128", "https": "proxy:3128", "no": "localhost"})
    if find_spec("socksio") is not None:
        check_proxies({"all": "socks5://127.0.0.1:1"})


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionRefusedError(111, "refused"), "connection refused"),
        (socket.gaierror(-2, "Name or service not known"), "host name is not known"),
        (ssl.SSLCertVerificationError("certificate verify failed"), "certificate is not trusted"),
        (ssl.SSLError("[SSL: WRONG_VERSION_NUMBER]"), "does not speak TLS"),
        (OSError(101, "Network is unreachable"), "no route"),
        (ConnectionResetError(104, "reset"), "hung up before it answered"),
    ],
)
def test_why_a_server_was_not_reached_is_said_in_words(error: Exception, said: str) -> None:
    outer = RuntimeError("Connection error.")
    outer.__cause__ = error
    assert said in reach_of(outer).why


async def test_an_endpoint_that_is_down_is_said_at_the_first_refusal_and_costs_nothing() -> None:
    async with ScriptedServer("hello") as server:
        down = spec(server)
    said: list[tuple[int, Notice]] = []
    clock = FastClock()
    tier = OpenAIModel(down, retry=RetryPolicy(max_tries=3), clock=clock.clock)
    with pytest.raises(ModelError, match="connection refused") as caught:
        await tier.generate(request(notify=lambda notice: said.append((len(clock.slept), notice))))
    await tier.aclose()
    assert said[0][0] == 0
    assert "connection refused" in said[0][1].message
    assert {charge.billing for charge in caught.value.charges} == {"none"}


async def test_a_fault_of_the_client_is_no_matter_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise TypeError("create() got an unexpected keyword argument 'extra_body'")

    async with ScriptedServer("hello") as server:
        tier = OpenAIModel(spec(server), clock=FastClock().clock)
        monkeypatch.setattr("openai.resources.chat.completions.AsyncCompletions.create", broken)
        with pytest.raises(ModelError, match=r"the installed openai .* failed with TypeError") as caught:
            await tier.generate(request())
        await tier.aclose()
    assert (caught.value.code, caught.value.tries) == ("model.fault", 1)
    assert [charge.billing for charge in caught.value.charges] == ["none"]
