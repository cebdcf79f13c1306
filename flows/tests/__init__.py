"""Tests of the ready flows: what each does, without a server, a network or waiting."""
