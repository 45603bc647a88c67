"""The smallest mail server that Alertmanager can hand a message to."""

import email
import email.policy
import socketserver
import threading
from email.message import EmailMessage
from typing import Any, ClassVar


class _Session(socketserver.StreamRequestHandler):
    timeout = 20
    server: "Mailbox"

    def handle(self) -> None:
        """One session of SMTP (RFC 5321), as far as a client needs it that knows what it wants."""
        self._say("220 mailbox")
        lines: list[bytes] = []
        data = False
        for line in self.rfile:
            word = line.split(None, 1)[0].upper() if line.strip() else b""
            if data and line == b".\r\n":
                self.server.add(b"".join(lines))
                data = False
                self._say("250 taken")
            elif data:
                lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
            elif word == b"DATA":
                data, lines = True, []
                self._say("354 go on")
            elif word == b"QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 well")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class Mailbox(socketserver.ThreadingTCPServer):
    """Takes mail on a port of loopback; ``letters`` are what came."""

    daemon_threads = True
    allow_reuse_address: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.letters: list[EmailMessage] = []
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def address(self) -> str:
        """``127.0.0.1:PORT``."""
        return f"127.0.0.1:{self.server_address[1]}"

    def add(self, raw: bytes) -> None:
        """Keep a letter."""
        letter: Any = email.message_from_bytes(raw, policy=email.policy.default)
        self.letters.append(letter)

    def stop(self) -> None:
        """Take no more."""
        self.shutdown()
        self.server_close()


def parts(letter: EmailMessage) -> dict[str, str]:
    """Text of each kind: ``text/plain``, ``text/html``."""
    return {part.get_content_type(): part.get_content() for part in letter.walk() if not part.is_multipart()}
