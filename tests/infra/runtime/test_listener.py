"""The socket to listen on: what cannot be is one sentence that names the option."""

import socket

import pytest

from infra.runtime.listener import CannotListen, bind, url_of


@pytest.mark.parametrize("port", [-1, 65_536, 99_999])
def test_what_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(CannotListen, match=f"{port} is no port: say --ui-port with a number up to 65535"):
        bind("127.0.0.1", port, "--ui-port")


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host", "a" * 300, "1.2.3.4.5"])
def test_an_address_that_this_machine_does_not_have_is_refused(host: str) -> None:
    with pytest.raises(CannotListen, match="is no address of this machine: say --host"):
        bind(host, 0)


def test_a_port_that_somebody_listens_on_is_refused() -> None:
    with bind("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(CannotListen, match=f"port {port} on 127.0.0.1 is in use"):
            bind("127.0.0.1", port)


def test_the_url_is_one_that_reaches_it_from_this_machine() -> None:
    with bind("0.0.0.0", 0) as found:
        assert url_of(found) == f"http://127.0.0.1:{found.getsockname()[1]}"
    with bind("localhost", 0) as found, socket.create_connection(found.getsockname()[:2]):
        assert url_of(found).startswith("http://")
