"""Flows that are ready to run. `resolute check flows/` shows them; `resolute worker flows/` runs them."""
