"""Pages for every run that has failed, of whichever flow, so that no automation fails unseen.

Each flow has one alert, however many of its runs fail, and a storm of failed runs is one alert as well. It names the
step, the error and the command that shows the run, and stays until a person closes it.

Set PAGERDUTY_ROUTING_KEY to the key of a service for the automation itself.
"""

from datetime import timedelta

import resolute_pagerduty as pagerduty
from resolute import FailedRun, failed_runs, flow, input_data, secret, text

SOON = timedelta(hours=1)
"""How long a page is tried: what failed longer ago is no longer news."""

failed = input_data(FailedRun)

failed_run_pager = (
    flow("failed-run-pager", description="Opens one incident for each flow whose runs fail")
    .triggered_by(failed_runs())
    .then(
        pagerduty.trigger_event(
            routing_key=secret("PAGERDUTY_ROUTING_KEY"),
            summary=text("A run of {} has ended as {}: {} {}", failed.flow, failed.status, failed.step, failed.message),
            source=failed.run,
            severity="error",
            component=failed.flow,
            dedup_key=text("failed-run-pager/{}", failed.flow),
            custom_details={
                "run": failed.run,
                "error": failed.error_type,
                "runs": failed.count,
                "flows": failed.flows,
                "has paged": failed.paged,
                "see": failed.show,
            },
            truncate=True,
        ).timeout(within=SOON)
    )
    .build()
)
