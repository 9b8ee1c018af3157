"""What do customers read, and when does somebody read it who never pays?"""

from __future__ import annotations

FIRST = "Your payment to Example did not go through"
SEVERAL = "Your payments to Example did not go through"
REMINDER = "Reminder: your payment to Example"
TEXT = "text: Example: Reminder: we could not take your payment."
FINAL_TEXT = "text: Example: Last reminder: we could not take a payment."
FINAL = "Last reminder about your payment to Example"
RECEIPT = "Thank you, Example has received your payment"
NEW_CARD_FAILED = "About the card you updated at Example"
CONFIRM = "Please confirm your payment to Example"
# What a customer hears who never pays.
SILENT_MONTH = (
    f"day 0: {FIRST}",
    f"day 4: {REMINDER}",
    f"day 6: {TEXT}",
    f"day 9: {REMINDER}",
    f"day 15: {REMINDER}",
    f"day 22: {FINAL}",
)
