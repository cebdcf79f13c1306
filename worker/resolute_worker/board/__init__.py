"""The board: what waits, what paged and why, and the brake, in a browser."""
