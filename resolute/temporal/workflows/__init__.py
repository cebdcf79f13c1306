"""What runs in workflows: the interpreter of plans, and the small workflows that keep what runs share."""
