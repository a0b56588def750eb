"""Channels whose last message is their end.

paramiko looks whether a channel is open and sends afterwards. In between another thread may answer the other side's
end of the channel: then sshd knows the channel no more and ends the whole connection when data or the end of input
arrive for it (RFC 4254, 5.3; OpenSSH, channel_from_packet_id). That happens when a program ends while it is given
its input, the sooner the busier this machine is.
"""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import paramiko

_CLOSE = 97  # SSH_MSG_CHANNEL_CLOSE


def in_order(channel: paramiko.Channel) -> paramiko.Channel:
    """The channel, which from now on sends nothing behind its end."""
    unchecked: Any = channel
    unchecked.transport = _InOrder(channel)
    return channel


class _InOrder:
    """The transport as one channel sees it."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = weakref.ref(channel)  # paramiko closes channels that nobody refers to
        self._transport: Any = channel.get_transport()
        self._lock = threading.Lock()
        self._sending = 0
        self._waiting: paramiko.Message | None = None
        self._is_over = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _send_user_message(self, message: paramiko.Message) -> None:
        if message.asbytes()[0] == _CLOSE:
            self._end(message)
        elif self._begin():
            try:
                self._transport._send_user_message(message)
            finally:
                self._finish()

    def _end(self, message: paramiko.Message) -> None:
        """Send the end, or leave that to those who are sending: paramiko's own thread must not wait for them."""
        with self._lock:
            if self._sending:
                self._waiting = message
                return
            self._is_over = True
        self._transport._send_user_message(message)

    def _begin(self) -> bool:
        channel = self._channel()
        with self._lock:
            # Whoever closes a channel marks it before the end is sent.
            may_send = channel is not None and not channel.closed and not self._is_over
            self._sending += may_send
        return may_send

    def _finish(self) -> None:
        with self._lock:
            self._sending -= 1
            if self._sending or self._waiting is None:
                return
            end, self._waiting, self._is_over = self._waiting, None, True
        self._transport._send_user_message(end)
