"""The files for Kubernetes: whole, valid by the schemas of their kinds, and in line with the worker that they start."""

import copy
from typing import Any

import pytest

from resolute_worker.life import OVERTIME
from resolute_worker.serving.deliveries import RESERVED
from tests.deploy.reading import (
    KUBERNETES,
    OVERLAYS,
    Document,
    documents,
    every_file,
    kustomization,
    literals,
    members,
    pod_of,
    rendered,
    renderer,
    variables,
    wrong,
)
from tests.deploy.settings import is_secret, known, settings_of

needs_renderer = pytest.mark.skipif(renderer() is None, reason="neither kubectl nor kustomize is here to render")

ALL = [(path.relative_to(KUBERNETES).as_posix(), path) for path in every_file()]
PATCHES = ("cloud-api-key/key.yaml", "cloud-mtls/certificate.yaml")
NOT_OBJECTS = (*PATCHES, "controller/references.yaml")


def pods() -> list[tuple[str, Document, Document]]:
    """Each pod that is written down, with the file and the object that start it."""
    found = [
        (name, document, pod_of(document))
        for name, path in ALL
        if name not in NOT_OBJECTS
        for document in documents(path)
    ]
    return [(name, document, pod) for name, document, pod in found if pod]


@pytest.mark.parametrize("name", [name for name, _ in ALL if name not in NOT_OBJECTS])
def test_each_object_is_valid(name: str) -> None:
    """Each object holds to the strict schema of its kind: no field that its API does not know."""
    found = {document["kind"]: wrong(document) for document in documents(KUBERNETES / name)}

    assert [] == [each for problems in found.values() for each in problems], found


def test_a_wrong_field_is_found() -> None:
    """The schemas refuse a field that is not known, and a value of a wrong type, in built-in and in custom kinds."""
    (deployment,) = documents(KUBERNETES / "workers" / "deployment.yaml")
    unknown, typed = copy.deepcopy(deployment), copy.deepcopy(deployment)
    unknown["spec"]["template"]["spec"]["gracePeriod"] = 5
    typed["spec"]["replicas"] = "two"
    (_, scaled) = documents(KUBERNETES / "keda" / "scaling.yaml")
    scaled["spec"]["triggers"][0]["metadata"]["queue"] = "resolute"

    assert [1, 1, 1] == [len(wrong(each)) for each in (unknown, typed, scaled)]


@pytest.mark.parametrize("key", ["namespace", "workerDeploymentName", "workerDeploymentBuildId"])
def test_what_the_controller_fills_in_is_left_empty(key: str) -> None:
    """Its webhook refuses a trigger that names a build or a namespace, and fills in nothing that is left out."""
    (template, _) = documents(KUBERNETES / "controller" / "scaling.yaml")
    named, left_out = copy.deepcopy(template), copy.deepcopy(template)
    named["spec"]["template"]["spec"]["triggers"][0]["metadata"][key] = "resolute"
    del left_out["spec"]["template"]["spec"]["triggers"][0]["metadata"][key]

    assert [] == wrong(template)
    assert wrong(named)
    assert wrong(left_out)


def test_a_progressive_rollout_has_steps_that_the_controller_takes() -> None:
    """With none, or with one that gives a build all of the runs, its definition refuses it."""
    (workers,) = documents(KUBERNETES / "controller" / "workers.yaml")

    def refused(*ramps: int) -> bool:
        found = copy.deepcopy(workers)
        steps = [{"rampPercentage": ramp, "pauseDuration": "60s"} for ramp in ramps]
        found["spec"]["rollout"] = {"strategy": "Progressive", **({"steps": steps} if steps else {})}
        return bool(wrong(found))

    assert [True, True, False] == [refused(), refused(100), refused(10, 50)]


@pytest.mark.parametrize("folder", sorted(path.parent.name for path in KUBERNETES.rglob("kustomization.yaml")))
def test_a_kustomization_is_whole(folder: str) -> None:
    """Every file that it names exists, none is forgotten, and each patch, merge and image has something to change."""
    place = KUBERNETES / folder
    own = kustomization(place)
    named = {*own.get("resources", ()), *own.get("configurations", ())}
    named |= {patch["path"] for patch in own.get("patches", ()) if "path" in patch}
    objects = {(each["kind"], each["metadata"]["name"]): each for each in members(place)}
    targets = [
        (patch["target"]["kind"], patch["target"]["name"]) for patch in own.get("patches", ()) if "target" in patch
    ]
    for path in (place / patch["path"] for patch in own.get("patches", ()) if "path" in patch):
        (patch,) = documents(path)
        targets.append((patch["kind"], patch["metadata"]["name"]))
        theirs = {each["name"] for each in (pod_of(objects[targets[-1]]) or {})["containers"]}
        assert {each["name"] for each in (pod_of(patch) or {})["containers"]} <= theirs
    images = {each["image"] for pod in map(pod_of, objects.values()) if pod for each in pod["containers"]}
    merged = [each for each in own.get("configMapGenerator", ()) if each.get("behavior") == "merge"]

    assert {path.name for path in place.glob("*.yaml")} - {"kustomization.yaml"} <= named
    assert [] == [name for name in named if not (place / name).exists()]
    assert [] == [target for target in targets if target not in objects]
    assert {each["name"] for each in own.get("images", ())} == (
        images if folder in OVERLAYS and "images" in own else set()
    )
    assert [] == [each for each in merged if "../base" not in own["resources"]]


@pytest.mark.parametrize(("name", "document", "pod"), pods(), ids=lambda each: each if isinstance(each, str) else "")
def test_a_pod_is_probed_and_ended_as_the_worker_expects(name: str, document: Document, pod: Document) -> None:
    """Its probes ask the worker's own health paths on a named port, and it has the time that an orderly end takes."""
    (container,) = pod["containers"]
    probes = {kind: container[kind]["httpGet"] for kind in ("startupProbe", "readinessProbe", "livenessProbe")}
    settings = settings_of(literals(KUBERNETES / "base"))
    end = container["lifecycle"]["preStop"]["sleep"]["seconds"] + settings.shutdown_seconds + OVERTIME

    assert {"startupProbe": "/startupz", "readinessProbe": "/readyz", "livenessProbe": "/livez"} == {
        kind: probe["path"] for kind, probe in probes.items()
    }
    assert {probe["path"] for probe in probes.values()} == set(RESERVED)
    assert {"http"} == {probe["port"] for probe in probes.values()}
    assert {"http": 8080, "metrics": 9464} == {each["name"]: each["containerPort"] for each in container["ports"]}
    assert settings.metrics_address == "0.0.0.0:9464"
    assert end + 5 <= pod["terminationGracePeriodSeconds"]


@pytest.mark.parametrize(("name", "document", "pod"), pods(), ids=lambda each: each if isinstance(each, str) else "")
def test_a_pod_has_no_rights_that_it_does_not_need(name: str, document: Document, pod: Document) -> None:
    """It meets the restricted Pod Security Standard, writes to mounted folders alone, and holds no cluster token."""
    (container,) = pod["containers"]
    inside, outside = container["securityContext"], pod["securityContext"]

    assert (False, True, {"drop": ["ALL"]}) == (
        inside["allowPrivilegeEscalation"],
        inside["readOnlyRootFilesystem"],
        inside["capabilities"],
    )
    assert (True, 10001, {"type": "RuntimeDefault"}) == (
        outside["runAsNonRoot"],
        outside["runAsUser"],
        outside["seccompProfile"],
    )
    # With `Always`, the files of the state folder are opened to their group at each start, and the keys refused.
    assert "OnRootMismatch" == outside["fsGroupChangePolicy"]
    assert pod["automountServiceAccountToken"] is False
    assert {"cpu", "memory"} == set(container["resources"]["requests"])
    assert "memory" in container["resources"]["limits"]
    assert {"/tmp", "/state"} <= {each["mountPath"] for each in container["volumeMounts"]}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_settings_are_those_of_the_worker_and_none_of_them_is_secret(overlay: str) -> None:
    """Each variable is one that the worker knows, with a value that it takes; what is secret comes from a Secret."""
    plain = literals(KUBERNETES / overlay)
    files = [*members(KUBERNETES / overlay), *(each for name in PATCHES for each in documents(KUBERNETES / name))]
    containers = [each for pod in map(pod_of, files) if pod for each in pod["containers"]]
    named = {name: value for each in containers for name, value in variables(each).items()}
    from_secret = {name for name, value in named.items() if value is None}

    assert set() == {*plain, *named} - known()
    assert [] == [name for name in plain if is_secret(name)]
    assert [] == [name for name in named if is_secret(name) and name not in from_secret]
    assert "production" == settings_of(plain).worker_set


def test_what_is_secret_is_told_by_its_type_and_its_name() -> None:
    """Settings that hold secrets are known as such, and so is a variable whose name says it."""
    secret = (
        "RESOLUTE_PLAN_KEYS",
        "RESOLUTE_BOARD_TOKEN",
        "RESOLUTE_HEARTBEAT_URL",
        "TEMPORAL_API_KEY",
        "POSTGRES_PWD",
    )
    plain = ("RESOLUTE_TASK_QUEUE", "TEMPORAL_ADDRESS", "TEMPORAL_TLS_CLIENT_KEY_PATH")

    assert [True] * len(secret) + [False] * len(plain) == [is_secret(name) for name in (*secret, *plain)]


def test_the_pod_of_the_controller_is_that_of_the_workers() -> None:
    """What stands in two files, because Kustomize cannot share it, is the same."""
    (deployment,) = documents(KUBERNETES / "workers" / "deployment.yaml")
    (under_controller,) = documents(KUBERNETES / "controller" / "workers.yaml")

    assert deployment["spec"]["template"] == under_controller["spec"]["template"]
    assert "controller" == settings_of(literals(KUBERNETES / "controller")).versioning


def test_one_worker_alone_has_the_embedded_server() -> None:
    """The state is on a volume that outlives the pod, that one pod mounts, and that no second replica shares."""
    (found,) = documents(KUBERNETES / "embedded" / "statefulset.yaml")
    (claim,) = found["spec"]["volumeClaimTemplates"]

    assert (1, ["ReadWriteOncePod"]) == (found["spec"]["replicas"], claim["spec"]["accessModes"])
    assert {"whenDeleted": "Retain", "whenScaled": "Retain"} == found["spec"]["persistentVolumeClaimRetentionPolicy"]


def test_a_backup_is_restored_by_a_pod_with_the_same_volume_and_rights() -> None:
    """It mounts the volume that the StatefulSet makes for its one pod, as the same user, and starts no worker on it."""
    (restoring,) = documents(KUBERNETES / "restore.yaml")
    (found,) = documents(KUBERNETES / "embedded" / "statefulset.yaml")
    pod, worker = restoring["spec"], found["spec"]["template"]["spec"]
    (container,), (theirs,) = pod["containers"], worker["containers"]
    claims = {
        each["name"]: each["persistentVolumeClaim"]["claimName"]
        for each in pod["volumes"]
        if len(each) > 1 and "emptyDir" not in each
    }
    (claim,) = found["spec"]["volumeClaimTemplates"]

    assert {"state": f"{claim['metadata']['name']}-{found['metadata']['name']}-0"} == claims
    assert (worker["securityContext"], theirs["securityContext"]) == (
        pod["securityContext"],
        container["securityContext"],
    )
    assert theirs["volumeMounts"] == container["volumeMounts"]
    assert ["sleep", "infinity"] == container["command"]


def _named(objects: tuple[Document, ...], kind: str) -> set[str]:
    return {each["metadata"]["name"] for each in objects if each["kind"] == kind}


@needs_renderer
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_renders_to_valid_objects(overlay: str) -> None:
    """What is applied is valid by its schemas, names no ConfigMap that is not there, and selects its own pods."""
    objects = rendered(overlay)
    (pod,) = (pod for pod in map(pod_of, objects) if pod)
    (container,) = pod["containers"]
    sources: list[Any] = [each.get("configMapRef", {}).get("name") for each in container["envFrom"]]
    labels = next(each["spec"]["template"]["metadata"]["labels"] for each in objects if pod_of(each))
    selectors = [each["spec"]["selector"] for each in objects if each["kind"] == "Service"]

    assert [] == [problem for each in objects for problem in wrong(each)]
    assert [{"app.kubernetes.io/name": "resolute"}] == [
        each["spec"]["selector"]["matchLabels"] for each in objects if each["kind"] == "PodDisruptionBudget"
    ]
    assert {name for name in sources if name} == _named(objects, "ConfigMap")
    assert [] == [each for each in selectors if not each.items() <= labels.items()]
    assert container["image"].startswith("registry.example.com/flows")
    assert set(variables(container)) <= known()


@needs_renderer
def test_each_way_to_temporal_cloud_has_its_credential() -> None:
    """The API key comes from a secret, the certificate from a mounted one, where the worker looks for both."""
    by_key, by_certificate = (
        next(pod for pod in map(pod_of, rendered(overlay)) if pod) for overlay in ("cloud-api-key", "cloud-mtls")
    )
    paths = literals(KUBERNETES / "cloud-mtls")
    mounted = {each["mountPath"] for each in by_certificate["containers"][0]["volumeMounts"]}

    assert {"TEMPORAL_API_KEY": None} == variables(by_key["containers"][0])
    assert paths["TEMPORAL_TLS_CLIENT_CERT_PATH"].rpartition("/")[0] in mounted
    assert paths["TEMPORAL_TLS_CLIENT_KEY_PATH"].rpartition("/")[0] in mounted


@needs_renderer
def test_keda_alone_says_how_many_workers_there_are() -> None:
    """The Deployment has no number of its own, and the trigger asks for the queue and the namespace of its workers."""
    objects = rendered("keda")
    deployment, scaled = (
        next(each for each in objects if each["kind"] == kind) for kind in ("Deployment", "ScaledObject")
    )
    settings = literals(KUBERNETES / "keda")
    (trigger,) = (each["metadata"] for each in scaled["spec"]["triggers"])

    assert "replicas" not in deployment["spec"]
    assert deployment["metadata"]["name"] == scaled["spec"]["scaleTargetRef"]["name"]
    assert (settings["TEMPORAL_ADDRESS"], settings["TEMPORAL_NAMESPACE"], settings_of(settings).task_queue) == (
        trigger["endpoint"],
        trigger["namespace"],
        trigger["taskQueue"],
    )
