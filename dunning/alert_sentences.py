"""Which sentences tell the team of each kind of alert? Fields in braces are filled in."""

from __future__ import annotations

from dunning.alert import AlertKind

TITLES = {
    AlertKind.REVIEW: "The case of {subject} needs a person",
    AlertKind.TEAM_ALERT: "The case of {subject} has reached {step}",
    AlertKind.UNKNOWN_OUTCOME: "Nobody can tell whether a message of {subject} arrived",
    AlertKind.PAID_AFTER_CLOSE: "{subject} was paid after its case had closed",
    AlertKind.REPLY: "A customer's answer waits for a person",
    AlertKind.UNMATCHED: "An event belongs to no invoice that is known",
    AlertKind.UNREADABLE: "A signed event from {source} cannot be read",
    AlertKind.CASE_WITHOUT_RUN: "The case of {subject} had lost its run",
    AlertKind.DEAD_LETTERS: "An event could not be delivered to endpoint {endpoint}",
    AlertKind.CREDENTIALS: "{channel} are not sent: the vendor refuses us",
    AlertKind.CREDENTIALS_MENDED: "{channel} are sent again",
    AlertKind.CONFIGURATION: "{channel} are taken by the vendor and do not arrive",
    AlertKind.DIRECTORY_DOWN: "Directory {subject} gives no answer",
    AlertKind.DIRECTORY_BACK: "Directory {subject} answers again",
    AlertKind.DIRECTORY_ENTRY: "What a directory says of {subject} cannot be used",
    AlertKind.OVERPAID: "{subject} was paid with more than was owed",
    AlertKind.PAID_TWO: "One payment belongs to two invoices: {subject} and {other}",
    AlertKind.CHARGE_REFUSED: "A card of {subject} could not be charged",
    AlertKind.AMOUNT_DIFFERS: "A payment of {subject} is of another amount than expected",
}

EACH = {
    AlertKind.REVIEW: (
        "The case of invoice {subject} {begins}: {why}. Until then nobody is written to. Look with"
        " `dunning case show {argument}`, then `dunning case decide {argument} DECISION`."
    ),
    AlertKind.TEAM_ALERT: (
        "The dunning of invoice {subject} has come to {step}, of which your policy wants you to"
        " know. The campaign goes on. Look with `dunning case show {argument}`."
    ),
    AlertKind.UNKNOWN_OUTCOME: (
        "The vendor gave no answer to the message {step} of invoice {subject}. It is not sent"
        " again, and the campaign goes on. Look it up at the vendor, if it matters;"
        " `dunning case show {argument}` shows when it left."
    ),
    AlertKind.PAID_AFTER_CLOSE: (
        "The case of invoice {subject} had ended as {outcome} when the money came. Undo what"
        " followed from that, such as the end of a service. See `dunning case show {argument}`,"
        " also for whether it was all."
    ),
    AlertKind.REPLY: (
        "Reply {subject}{about} says neither stop nor start. The case goes on meanwhile. Read it"
        " with `dunning reply list`, do what it asks for, then `dunning reply done {subject}`."
    ),
    AlertKind.UNMATCHED: (
        "Event {subject} ({name}) was tried several times and could not be placed."
        " `dunning event show {subject}` says what is missing. Once the invoice is registered with"
        " its transaction, the event goes on by itself."
    ),
    AlertKind.UNREADABLE: (
        "Event {subject} is rightly signed and is not what {source} promises. Nothing was done"
        " with it. See `dunning event show {subject}`, and ask {source} about it."
    ),
    AlertKind.CASE_WITHOUT_RUN: (
        "The workflow of invoice {subject} was ended in Temporal, or lost with its database. The"
        " case was closed as stopped: nobody is written to. If the dunning is to go on, run"
        " `dunning case reopen {argument}`."
    ),
    AlertKind.DEAD_LETTERS: (
        "Event {subject} was given up after many attempts. Mend the endpoint, then deliver it"
        " again with `dunning outgoing replay {subject}`."
    ),
    AlertKind.CREDENTIALS: (
        "{channel} wait, and none is lost: {reason}. Once it is mended they go on by themselves"
        " within minutes. {waiting}"
    ),
    AlertKind.CREDENTIALS_MENDED: "{channel} go on: the vendor takes our messages again.",
    AlertKind.CONFIGURATION: (
        "The vendor reports (code {code}): {reason}. Until that is mended, others will not arrive"
        " either. What was lost is not sent again; `dunning case show INVOICE` shows each."
    ),
    AlertKind.DIRECTORY_DOWN: (
        "Invoices cannot be looked up in directory {subject}: {reason}. Messages about invoices"
        " whose last answer is too old wait until it answers, and are withheld in the end."
        " `dunning doctor` tries it."
    ),
    AlertKind.DIRECTORY_BACK: "What waited for directory {subject} goes on by itself.",
    AlertKind.OVERPAID: (
        "More money came in for invoice {subject} than was owed: {figures}. Nobody is written to."
        " `dunning invoice show {argument}` shows each payment; give back what is too much, or"
        " credit it."
    ),
    AlertKind.PAID_TWO: (
        "One transaction of the recovery service is named for invoice {subject} and for {other}."
        " It counts for {subject} alone, and {other} is still owed. Find out which one was paid."
    ),
    AlertKind.CHARGE_REFUSED: (
        "A card of invoice {subject} was not charged, nor will it be: {reason}."
        " Its case, if there is one, waits for a decision. Look with"
        " `dunning case show {argument}`."
    ),
    AlertKind.AMOUNT_DIFFERS: (
        "A payment of invoice {subject} is not of the amount that it should be: {figures}. It"
        " changed nothing by itself. `dunning invoice show {argument}` shows each payment. Find out"
        " what came in, then tell it with `POST /v1/invoices/ID/paid`, or correct the invoice."
    ),
    AlertKind.DIRECTORY_ENTRY: (
        "What directory {directory} says of invoice {subject} was not registered: {reason}. Its"
        " messages wait, and are withheld in the end. Correct it there;"
        " `dunning directory test {argument}` shows what is said."
    ),
}

MANY = {
    AlertKind.REVIEW: "cases need a person",
    AlertKind.TEAM_ALERT: "cases reached a point that you want to know of",
    AlertKind.UNKNOWN_OUTCOME: "messages left of which nobody can tell whether they arrived",
    AlertKind.PAID_AFTER_CLOSE: "invoices were paid after their case had closed",
    AlertKind.REPLY: "answers of customers wait for a person",
    AlertKind.UNMATCHED: "events belong to no invoice that is known",
    AlertKind.UNREADABLE: "signed events cannot be read",
    AlertKind.CASE_WITHOUT_RUN: "cases had lost their run and were closed as stopped",
    AlertKind.DEAD_LETTERS: "events could not be delivered to your endpoints",
    AlertKind.CREDENTIALS: "times a vendor refused us",
    AlertKind.CREDENTIALS_MENDED: "times a vendor took our messages again",
    AlertKind.CONFIGURATION: "reports say that a setting at a vendor keeps messages from arriving",
    AlertKind.DIRECTORY_DOWN: "times a directory gave no answer",
    AlertKind.DIRECTORY_BACK: "times a directory answered again",
    AlertKind.DIRECTORY_ENTRY: "invoices of which a directory says what cannot be used",
    AlertKind.OVERPAID: "invoices were paid with more than was owed",
    AlertKind.PAID_TWO: "payments belong to two invoices each",
    AlertKind.CHARGE_REFUSED: "cards could not be charged",
    AlertKind.AMOUNT_DIFFERS: "payments were of another amount than expected",
}

_LOOK = "See `dunning case show INVOICE`."
WHAT_TO_DO = {
    AlertKind.REVIEW: "The queue: `dunning case list --state review`.",
    AlertKind.TEAM_ALERT: _LOOK,
    AlertKind.UNKNOWN_OUTCOME: _LOOK,
    AlertKind.PAID_AFTER_CLOSE: _LOOK,
    AlertKind.REPLY: "Read them with `dunning reply list`.",
    AlertKind.UNMATCHED: "The list: `dunning event list --unmatched`.",
    AlertKind.UNREADABLE: "The list: `dunning event list --status unreadable`.",
    AlertKind.CASE_WITHOUT_RUN: "`dunning case reopen INVOICE` begins a case anew.",
    AlertKind.DEAD_LETTERS: "Mend the endpoint, then see `dunning outgoing --help`.",
    AlertKind.CREDENTIALS: "See `dunning channel list`.",
    AlertKind.CREDENTIALS_MENDED: "See `dunning channel list`.",
    AlertKind.CONFIGURATION: "See `dunning alert list --kind configuration`.",
    AlertKind.DIRECTORY_DOWN: "`dunning doctor` tries each directory.",
    AlertKind.DIRECTORY_BACK: "`dunning doctor` tries each directory.",
    AlertKind.DIRECTORY_ENTRY: "See `dunning directory test INVOICE`.",
    AlertKind.OVERPAID: _LOOK,
    AlertKind.PAID_TWO: _LOOK,
    AlertKind.CHARGE_REFUSED: _LOOK,
    AlertKind.AMOUNT_DIFFERS: "See `dunning invoice show INVOICE`.",
}
