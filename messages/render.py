"""What exactly does the customer get? A notice becomes a finished email, text or push message."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dunning.channel import Channel
from dunning.errors import PolicyError
from messages.environments import environment
from messages.faults import TEMPLATE_FAULTS, policy_error
from messages.folders import SUFFIXES, TemplateFolders
from messages.languages import fallback_chain, parts_chain, writing_locale
from messages.mjml import MjmlError, html_from
from messages.parameters import (
    email_parameters,
    one_line,
    subject_parameters,
    text_parameters,
)
from messages.segments import Encoding, measure

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jinja2.sandbox import SandboxedEnvironment

    from dunning.notice import Notice

# Names come from the policy and become file names.
_NAME = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedEmail:
    """An email ready to send; subject and preheader are one line each and hold no amount."""

    subject: str
    preheader: str
    text: str
    html: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedText:
    """A text message ready to send, and what a carrier will count."""

    body: str
    encoding: Encoding
    segments: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedPush:
    """A push message ready to send: two lines that tell strangers nothing."""

    title: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """One template file as found for one customer, with the folders its parts come from."""

    filename: str
    home: str
    search_path: tuple[Path, ...]


class Renderer:
    """Renders notices with the package's templates, file by file overridden by a directory.

    Faults of a template are a `PolicyError` with file, line and fix. Compiled templates are kept.
    """

    def __init__(self, directory: Path | None = None, *, default_locale: str = "en") -> None:
        self._folders = TemplateFolders(directory)
        self._default_locale = default_locale
        self._environments: dict[tuple[tuple[Path, ...], bool], SandboxedEnvironment] = {}

    def templates(self) -> dict[Channel, dict[str, frozenset[str]]]:
        """Names of the templates there are, by channel and by folder of a locale."""
        return self._folders.templates()

    def email(self, notice: Notice) -> RenderedEmail:
        """Both forms of the body say the same words; the template is written once."""
        source = self._source(notice, Channel.EMAIL)
        seen = subject_parameters(notice)
        subject = self._part(source, "subject", seen)
        preheader = self._part(source, "preheader", seen)
        body = {
            **email_parameters(notice, writing_locale(notice.locale, source.home)),
            "subject": subject,
            "preheader": preheader,
        }
        return RenderedEmail(
            subject=subject,
            preheader=preheader,
            text=self._render(source, {**body, "layout": "layout.txt"}).strip() + "\n",
            html=self._html(source, body).strip() + "\n",
        )

    def text(self, notice: Notice) -> RenderedText:
        """A text message, with the encoding and segments that its characters lead to."""
        source = self._source(notice, Channel.SMS)
        body = self._render(source, text_parameters(notice)).strip()
        if not body:
            raise PolicyError((f"{source.filename}: the text message is empty; write its words",))
        measured = measure(body)
        return RenderedText(body=body, encoding=measured.encoding, segments=measured.segments)

    def push(self, notice: Notice) -> RenderedPush:
        """A push message: the template's first line is the title, the rest is the body."""
        source = self._source(notice, Channel.PUSH)
        lines = self._render(source, subject_parameters(notice)).strip().split("\n", 1)
        title, body = (one_line(line) for line in (*lines, "")[:2])
        if not title or not body:
            raise PolicyError(
                (f"{source.filename}: write a line for the title and one for the body",)
            )
        return RenderedPush(title=title, body=body)

    def _source(self, notice: Notice, channel: Channel) -> _Source:
        filename = f"{notice.template}{SUFFIXES[channel]}"
        chain = fallback_chain(notice.locale, self._default_locale)
        home = self._folders.home(filename, chain) if _NAME.fullmatch(notice.template) else None
        if home is None:
            raise PolicyError((self._missing(notice.template, channel),))
        parts = parts_chain(chain, home, self._default_locale)
        search_path = self._folders.search_path(parts)
        return _Source(filename=filename, home=home, search_path=search_path)

    def _missing(self, template: str, channel: Channel) -> str:
        names = self.templates()[channel].get(self._default_locale, frozenset())
        return (
            f"template '{template}' has no {channel} form in '{self._default_locale}'; add "
            f"{self._default_locale}/{template}{SUFFIXES[channel]} or use one of: "
            f"{', '.join(sorted(names))}"
        )

    def _part(self, source: _Source, part: str, parameters: Mapping[str, object]) -> str:
        rendered = one_line(self._render(source, {**parameters, "layout": part}))
        if not rendered:
            raise PolicyError(
                (f"{source.filename}: the {part} is empty; add {{% block {part} %}} with words",)
            )
        return rendered

    def _html(self, source: _Source, body: Mapping[str, object]) -> str:
        frame = self._folders.frame(source.search_path)
        rendered = self._render(source, {**body, "layout": frame}, html=True)
        if not frame.endswith(".mjml"):
            return rendered
        try:
            return html_from(rendered)
        except MjmlError as fault:
            raise policy_error(fault, self._folders, source.filename, body) from None

    def _render(
        self, source: _Source, parameters: Mapping[str, object], *, html: bool = False
    ) -> str:
        try:
            compiled = self._environment(source, html=html).get_template(source.filename)
            return compiled.render(parameters)
        except TEMPLATE_FAULTS as fault:
            # Not chained: the fault's own text could quote a value, and causes reach history.
            raise policy_error(fault, self._folders, source.filename, parameters) from None

    def _environment(self, source: _Source, *, html: bool) -> SandboxedEnvironment:
        key = (source.search_path, html)
        if key not in self._environments:
            self._environments[key] = environment(source.search_path, html=html)
        return self._environments[key]
