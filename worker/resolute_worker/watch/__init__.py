"""The watcher of the watchers: schedules that run nothing, runs that get nowhere, and a sign of life for outside."""
