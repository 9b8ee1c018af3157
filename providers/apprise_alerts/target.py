"""How does one message get to one place where the team reads?"""

from __future__ import annotations

import asyncio
import logging
import warnings
from typing import TYPE_CHECKING

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType

from dunning.errors import DunningError
from providers.apprise_alerts import schemes

if TYPE_CHECKING:
    from apprise import NotifyBase

    from dunning.alert import NotificationChannel
    from dunning.ports import TeamMessage

# The library stops waiting by itself; the outer limit is for targets that hang all the same.
_SECONDS, _MOST_SECONDS = 15.0, 20.0
_ASSET = AppriseAsset(app_id="Dunning", app_desc="Dunning", app_url="")
# Its records quote URLs, which hold secrets, and what the targets answer.
logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)


class UnreadableUrlError(DunningError):
    """The library knows no such target. The text leaves the URL out: it is a secret."""


class AppriseTarget:
    """A `TeamTarget` behind an Apprise URL, called after its place in the list and its scheme."""

    def __init__(self, url: str, *, place: int) -> None:
        known = schemes.scheme(url)
        if known is None:
            raise UnreadableUrlError("it does not begin like scheme://")
        self.channel: NotificationChannel = schemes.channel(known)
        self._name = f"{known} ({place})"
        self._apprise = Apprise(asset=_ASSET)
        if not self._apprise.add(_read(url)):
            raise UnreadableUrlError("it cannot be used")

    @property
    def name(self) -> str:
        """Such as `slack (2)`."""
        return self._name

    async def tell(self, message: TeamMessage) -> bool:
        """Whether the target took it."""
        try:
            async with asyncio.timeout(_MOST_SECONDS):
                result = await self._apprise.async_notify(
                    title=message.title,
                    body=message.body,
                    notify_type=_type(message),
                    body_format=NotifyFormat.TEXT,
                    timeout=_SECONDS,
                )
        except Exception:  # noqa: BLE001 - whatever a plugin raises may quote its URL
            return False
        return bool(result)


def _read(url: str) -> NotifyBase:
    with warnings.catch_warnings():
        # The library loads all its plugins at once, some with modules that Python retires.
        warnings.simplefilter("ignore", DeprecationWarning)
        target = Apprise.instantiate(url, asset=_ASSET)
    if target is None:
        raise UnreadableUrlError("the alert library does not know it, or a part is missing")
    return target


def _type(message: TeamMessage) -> NotifyType:
    if message.grave:
        return NotifyType.FAILURE
    return NotifyType.SUCCESS if message.good else NotifyType.WARNING
