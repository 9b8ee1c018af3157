"""What does the policy say of the service of a debt that is given up?"""

from datetime import timedelta
from typing import Self

from pydantic import model_validator

from dunning.document import Document, refusal
from dunning.duration import Span, Wait
from dunning.service import Service, ServiceTerms

_LONGEST = timedelta(days=90)


class End(Document):
    """What becomes of the service, how long before that the customer is told, and the grace.

    `grace` is access after the case has closed, whatever the campaign and the review took.
    """

    service: Service = Service.KEEP
    notice: Span = timedelta(days=5)
    grace: Wait = timedelta(0)

    @model_validator(mode="after")
    def _not_for_ever(self) -> Self:
        if self.notice + self.grace > _LONGEST:
            raise refusal(
                f"`notice` and `grace` come to more than {_LONGEST.days}d together. Shorten one "
                "of them, or write `service: keep` if the service is not to end."
            )
        return self

    @property
    def terms(self) -> ServiceTerms | None:
        """What a case takes along; None while the service is kept."""
        if self.service is Service.KEEP:
            return None
        return ServiceTerms(service=self.service, notice=self.notice, grace=self.grace)
