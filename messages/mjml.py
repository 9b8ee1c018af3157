"""How does a frame written in MJML become the HTML that mail clients show?"""

from __future__ import annotations

import css_inline
import mrml

# Frames include nothing: neither a file of this machine nor anything from the network.
_PARSER = mrml.ParserOptions(include_loader=mrml.noop_loader())
_RENDER = mrml.RenderOptions(fonts={})
# Media queries cannot stand inline: they stay in a style block, for dark mode and small screens.
_INLINER = css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


class MjmlError(ValueError):
    """The document is not MJML. Holds no text of it: a document is full of personal data."""


def html_from(document: str) -> str:
    """HTML with its styles inline; raise MjmlError for a document that is not MJML."""
    try:
        return _INLINER.inline(mrml.to_html(document, _PARSER, _RENDER).content)
    except (OSError, css_inline.InlineError):
        raise MjmlError from None
