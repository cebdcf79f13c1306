"""What flows read from the environment is known before a run reads it."""

from resolute import env, flow, hmac_sha256, manual, node, secret, text, webhook
from resolute_worker.needs import missing_variables, secret_names


@node
async def call(url: str, token: str, retries: int = 0) -> str:
    return url


@node
async def note(words: str) -> None:
    return None


first = call(text("{}/health", env("BASE_URL")), secret("API_TOKEN"), retries=env("RETRIES", as_type=int, default=3))
WATCH = flow("watch").triggered_by(manual("go")).then(first).on_failure(note(env("BASE_URL"))).build()
HOOK = (
    flow("hook")
    .triggered_by(webhook("/hook", verify=hmac_sha256(secret("HOOK_SECRET"), header="X-Sig")))
    .when(env("MODE") == "loud")
    .then(note("hello"))
    .end_when()
    .build()
)


def test_what_is_not_set_is_named_with_its_readers() -> None:
    """Arguments, texts, conditions, failure steps and webhooks are looked at; what has a default is not missing."""
    missing = missing_variables([WATCH, HOOK], {"API_TOKEN": "set"})

    expected = {
        "environment variable BASE_URL is not set (flow watch)",
        "environment variable MODE is not set (flow hook)",
        "secret HOOK_SECRET is not set (flow hook)",
    }
    assert expected == {str(each) for each in missing}


def test_the_names_of_secrets_are_known_without_their_values() -> None:
    """Values are looked up by these names, to be masked from the first log line on."""
    assert {"API_TOKEN", "HOOK_SECRET"} == secret_names([WATCH.plan, HOOK.plan])
