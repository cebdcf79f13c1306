"""What people and workers ask of Temporal: starts, decisions, pauses, mutes, reruns."""
