"""PagerDuty's answers, typed."""
