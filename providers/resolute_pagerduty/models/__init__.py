"""What PagerDuty answers, typed."""
