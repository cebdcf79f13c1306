"""Slack for Resolute: messages, threads, people, and buttons by which they approve and reject."""

from resolute_slack.config import SlackConfig
from resolute_slack.errors import SlackAPIError
from resolute_slack.models import Message, Person, Reached
from resolute_slack.nodes.asking import ask
from resolute_slack.nodes.messages import post_message, reply, update_message
from resolute_slack.nodes.people import find_person, message_people, message_person
from resolute_slack.provider import Slack

__all__ = [
    "Message",
    "Person",
    "Reached",
    "Slack",
    "SlackAPIError",
    "SlackConfig",
    "ask",
    "find_person",
    "message_people",
    "message_person",
    "post_message",
    "reply",
    "update_message",
]
