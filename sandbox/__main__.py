"""How is the sandbox started by hand?"""

import argparse

import uvicorn

from sandbox.server import create_app
from sandbox.settings import SandboxSettings
from sandbox.transport import DroppableHttp


def main() -> None:
    options = _parser().parse_args()
    settings = SandboxSettings(
        webhook_url=options.webhook_url,
        webhook_secret=options.webhook_secret,
        sendgrid_events_url=options.events_url,
        twilio_replies_url=options.replies_url,
        twilio_auth_token=options.twilio_auth_token,
        time_factor=options.time_factor,
        sendgrid_api_keys=tuple(options.sendgrid_api_key),
        revtain_api_keys=tuple(options.revtain_api_key),
        twilio_credentials=dict(pair.split(":", 1) for pair in options.twilio_credential),
    )
    uvicorn.run(
        create_app(settings),
        host=options.host,
        port=options.port,
        http=DroppableHttp,
        ws="none",
        log_level="warning",
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="Stand-ins for SendGrid, Twilio, Firebase and Revtain. "
        "Nothing leaves this machine.",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8025)
    parser.add_argument("--webhook-url", help="where Revtain's events are sent")
    parser.add_argument(
        "--webhook-secret",
        default=SandboxSettings().webhook_secret,
        help="the key that signs them (default: %(default)s)",
    )
    parser.add_argument("--events-url", help="where SendGrid's events are sent")
    parser.add_argument("--replies-url", help="where texts from customers are sent")
    parser.add_argument(
        "--twilio-auth-token",
        default=SandboxSettings().twilio_auth_token,
        help="the token that signs them (default: %(default)s)",
    )
    parser.add_argument(
        "--time-factor", type=float, default=1.0, help="scales the waits before and between reports"
    )
    for vendor in ("sendgrid", "revtain"):
        parser.add_argument(
            f"--{vendor}-api-key", action="append", default=[], help="accept only these keys"
        )
    parser.add_argument(
        "--twilio-credential",
        action="append",
        default=[],
        type=_credential,
        metavar="SID:SECRET",
        help="accept only these accounts or API keys",
    )
    return parser


def _credential(value: str) -> str:
    if ":" not in value:
        raise argparse.ArgumentTypeError("write it as SID:SECRET")
    return value


if __name__ == "__main__":
    main()
