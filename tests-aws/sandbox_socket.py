"""A browser's socket: a token among its subprotocols, and frames of JSON. wsproto comes with ministack."""

import json
import socket
import ssl
import urllib.parse

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Request, TextMessage

TIMEOUT_SECONDS = 120


class Socket:
    def __init__(self, url, bearer):
        place = urllib.parse.urlsplit(url)
        is_tls = place.scheme == "wss"
        address = (place.hostname, place.port or (443 if is_tls else 80))
        self.stream = socket.create_connection(address, TIMEOUT_SECONDS)
        if is_tls:
            context = ssl.create_default_context()
            self.stream = context.wrap_socket(self.stream, server_hostname=place.hostname)
        self.connection, self.events = WSConnection(ConnectionType.CLIENT), iter(())
        protocols = ["tierlift.v1", f"bearer.{bearer}"]
        self.send(Request(host=place.netloc, target=place.path or "/", subprotocols=protocols))
        accepted = self.next()
        assert isinstance(accepted, AcceptConnection) and accepted.subprotocol == "tierlift.v1", accepted

    def send(self, event):
        self.stream.sendall(self.connection.send(event))

    def next(self):
        while True:
            for event in self.events:
                return event
            self.connection.receive_data(self.stream.recv(65_536) or None)
            self.events = self.connection.events()

    def reads_role(self, frame=None):
        """Sends a frame, if there is one, and returns the role of the next one that has a role."""
        if frame:
            self.send(TextMessage(json.dumps(frame)))
        while True:
            event = self.next()
            assert isinstance(event, TextMessage), event
            if "role" in (found := json.loads(event.data)):
                return found["role"]
