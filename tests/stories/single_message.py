"""Under which policy has each case one message only, a text or an email by the customer?"""

from __future__ import annotations

POLICY = """
version: 1
brand: {name: Example, support_email: billing@example.com}
windows:
  holidays: {sms: allow}
  jurisdictions: false
campaigns:
  - name: texts
    when: {value_tier: [texts]}
    length: 27d
    steps: [{id: only, channel: sms, after: 2h, template: reminder}]
  - name: emails
    length: 27d
    steps: [{id: only, channel: email, after: 2h, template: reminder}]
"""
