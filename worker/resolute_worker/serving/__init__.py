"""What a worker answers over HTTP: webhooks, heartbeats, links and buttons of gates, health checks."""
