"""The settings of the process: environment variables that start with `RESOLUTE_`."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from resolute.plan.errors import ConfigurationError
from resolute.plan.settings import said_of_settings
from resolute.temporal.trust.seals import MOST_KEYS, SHORTEST_KEY
from resolute.temporal.values.ciphers import PLAIN, PayloadKey
from resolute.temporal.values.stores import check_place

LogFormat: TypeAlias = Literal["auto", "console", "json"]
LogLevel: TypeAlias = Literal["debug", "info", "warning", "error"]


def _split(value: object) -> object:
    return tuple(filter(None, value.split(os.pathsep))) if isinstance(value, str) else value


def _address(value: object) -> object:
    return f"127.0.0.1:{value}" if isinstance(value, int) or (isinstance(value, str) and value.isdigit()) else value


def _words(value: object) -> object:
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


def _long_enough(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < SHORTEST_KEY:
        raise ValueError(f"a key has fewer than {SHORTEST_KEY} characters: make one with `openssl rand -hex 32`")
    return value


def _of_a_payload_key(value: SecretStr) -> SecretStr:
    if value.get_secret_value() != PLAIN:
        try:
            PayloadKey.of(value.get_secret_value())
        except ConfigurationError as error:
            raise ValueError(str(error)) from None
    return value


def _place(value: str) -> str:
    try:
        return check_place(value)
    except ConfigurationError as error:
        raise ValueError(str(error)) from None


PlanKey = Annotated[SecretStr, AfterValidator(_long_enough)]
PayloadKeyText = Annotated[SecretStr, AfterValidator(_of_a_payload_key)]
Port = Annotated[int, Field(ge=0, le=65535)]


class Settings(BaseSettings):
    """The settings of a worker process.

    Temporal's own variables and profile file say where Temporal is (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE,
    TEMPORAL_API_KEY, TEMPORAL_TLS_..., TEMPORAL_PROFILE), and each provider has its own variables.

    Attributes:
        flows: the files and folders that commands look for flows in; several are separated as in PATH.
        task_queue: the queue that runs are put on and that this worker polls.
        worker_set: the name of the workers that run the same flows. Workers of a named set remove the schedules that
            the set deployed and no longer has; without a name, a worker removes none.
        released: when these flows were released (ISO 8601 with zone), so that an older worker that starts again does
            not undo a newer deployment. Without it, the time of their commit, or of the newest file.
        versioning: `pinned` keeps each run with workers of the build that it began with (Temporal's worker versioning),
            and `controller` does so where Temporal's Worker Controller names the builds and says which is current;
            with `none`, any worker goes on with any run.
        build_id: the name of this build, where runs are pinned. Without it, the time of the release.
        http_host: where webhooks and health endpoints are served.
        http_port: their port; 0 takes a free one.
        public_url: the address under which people reach the worker's HTTP server, for links to gates. Without it, the
            server's own address.
        trace_url: where traces are shown, with `{trace_id}` in the place of the id: the board links to it.
        board: whether the worker serves the board, at /board/ of its HTTP server.
        board_token: with what people log in to the board: `TOKEN`, or `PERSON:ROLES:TOKEN` for each person, separated
            by commas or spaces. Roles are `viewer`, `operator` and `approver`, joined by `+`.
        board_oidc_issuer: who says who somebody is, with OpenID Connect.
        board_oidc_client_id: what the issuer calls the board.
        board_oidc_client_secret: how the board proves to the issuer that it is.
        board_oidc_claim: the claim whose values give roles, by its name or its path (`realm_access.roles`).
        board_oidc_roles: `VALUE:ROLES` for each value of that claim; `*` is everybody whom the issuer knows.
        board_oidc_name: the claim that names a person. An `email` counts where the issuer has verified it; without one,
            the subject names the person.
        board_oidc_scopes: what the issuer is asked for.
        board_proxy_header: the header in which a trusted proxy says who somebody is.
        board_proxies: the addresses of such proxies.
        board_roles: `PERSON:ROLES` for each person that a proxy names; `*` is everybody else.
        board_hosts: further names of hosts that the board is reached at, besides that of `public_url`.
        board_audit_log: the file that says who did what on the board; `board.audit` in the state folder.
        max_deliveries: how many webhook deliveries are in flight at a time; the sender of another one is asked
            immediately to retry (503 with `Retry-After`).
        log_format: `json`, `console`, or `auto`: console on a terminal.
        log_level: the least important lines that are written.
        embedded: whether the worker starts a Temporal server of its own, for one machine.
        embedded_port: that server's port; 0 takes a free one.
        state_dir: where the embedded server keeps its state.
        plan_keys: the keys that seal plans, separated by commas or spaces: the first seals, all of them verify. They
            are the same for every worker of a task queue, and for everybody who starts runs. An embedded server has
            its own.
        payload_keys: the keys that encrypt what runs write into Temporal, each `ID:KEY`, separated by commas or spaces:
            the first encrypts, all of them decrypt. With `none` before them they only decrypt. They are the same
            wherever runs are started, run or read.
        payload_store: a folder or a bucket (`s3://BUCKET/PREFIX`) that all workers and readers share, for values from
            64 KiB on, which Temporal then only refers to.
        retention_days: for how many days the embedded server keeps closed runs, and with them the ids that keep a
            redelivered webhook from starting a run.
        database_mb: the megabytes that the embedded server's database may use before its oldest closed runs go.
        shutdown_seconds: how long running nodes may take to finish when the worker is stopped.
        max_activities: how many nodes run at the same time.
        watch: whether the worker watches the schedules of its namespace (paused, deleted, late, stuck or failing ones)
            and the bounds of its task queue (used-up budgets, full buffers).
        watch_routing_key: PagerDuty's integration key of the service that is told of them; without it, the log alone.
        heartbeat_url: an address that is asked for every 20 seconds while the worker sees Temporal, for a dead
            man's switch outside.
        metrics_address: where metrics are served for Prometheus: a port on this machine alone, or an address with it,
            such as 0.0.0.0:9464. Without it nothing is measured.

    Example:
        >>> Settings(task_queue="alerting").task_queue
        'alerting'
    """

    model_config = SettingsConfigDict(
        env_prefix="RESOLUTE_", env_ignore_empty=True, frozen=True, hide_input_in_errors=True
    )

    flows: Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_split)] = (Path("flows"),)
    task_queue: Annotated[str, Field(min_length=1)] = "resolute"
    worker_set: str | None = None
    released: AwareDatetime | None = None
    versioning: Literal["none", "pinned", "controller"] = "none"
    build_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,200}$")] | None = None
    http_host: str = "127.0.0.1"
    http_port: Port = 8080
    public_url: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")] | None = None
    trace_url: Annotated[str, Field(pattern=r"^https?://[^\s{}]+(\{trace_id\}[^\s{}]*)+$")] | None = None
    board: bool = False
    board_token: SecretStr | None = None
    board_oidc_issuer: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")] | None = None
    board_oidc_client_id: Annotated[str, Field(min_length=1)] | None = None
    board_oidc_client_secret: SecretStr | None = None
    board_oidc_claim: Annotated[str, Field(min_length=1)] = "groups"
    board_oidc_roles: str | None = None
    board_oidc_name: Annotated[str, Field(min_length=1)] = "email"
    board_oidc_scopes: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)] = ("openid", "email", "profile")
    board_proxy_header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,100}$")] | None = None
    board_proxies: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)] = ("127.0.0.1", "::1")
    board_roles: str | None = None
    board_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)] = ()
    board_audit_log: Path | None = None
    max_deliveries: Annotated[int, Field(ge=1)] = 48
    log_format: LogFormat = "auto"
    log_level: LogLevel = "info"
    embedded: bool = False
    embedded_port: Port = 7233
    state_dir: Path = Path(".resolute")
    plan_keys: Annotated[tuple[PlanKey, ...], NoDecode, BeforeValidator(_words), Field(max_length=MOST_KEYS)] = ()
    payload_keys: Annotated[tuple[PayloadKeyText, ...], NoDecode, BeforeValidator(_words)] = ()
    payload_store: Annotated[str, AfterValidator(_place)] | None = None
    retention_days: Annotated[int, Field(ge=1, le=3650)] = 30
    database_mb: Annotated[int, Field(ge=10)] | None = None
    shutdown_seconds: Annotated[float, Field(ge=0)] = 20
    max_activities: Annotated[int, Field(ge=1)] = 100
    watch: bool = True
    watch_routing_key: SecretStr | None = None
    heartbeat_url: SecretStr | None = None
    metrics_address: (
        Annotated[str, BeforeValidator(_address), Field(pattern=r"^(\[[0-9a-fA-F:]+\]|[0-9.]+):\d{1,5}$")] | None
    ) = None

    @property
    def retention(self) -> timedelta:
        """How long the embedded server keeps closed runs."""
        return timedelta(days=self.retention_days)


def load_settings(**given: Any) -> Settings:
    """The settings from the environment; arguments that are not None take precedence.

    Raises:
        ConfigurationError: a variable is invalid; the message names it.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise ConfigurationError(said_of_settings(error, "RESOLUTE_")) from None
