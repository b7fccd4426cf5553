# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A storefront that faults are tried on: what its vendors keep of it, without what differs each time, and
how it is put back.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from ansible_collections.storefront.runbook.plugins.module_utils.source.checkout import resolve

from sandbox.cloud.vendors.railway.double import SCHEMA
from sandbox.storefront import Sandbox
from tests.unit.support import run_module

assert SCHEMA.query_type
RAILWAY_READS = set(SCHEMA.query_type.fields)
NO_STOREFRONT = {"upload", "list_zones"}  # what the double takes for a request of the whole account
PATIENCE = 30.0  # seconds for a build, a start or a promotion
SETTINGS = (
    "healthcheckPath",
    "preDeployCommand",
    "autoDeploy",
    "suspended",
    "numInstances",
    "maintenanceMode",
    "multiRegionConfig",
)

RELEASES = ("v1.0.0", "v1.1.0", "v1.2.0")

Shape = dict[str, Any]


class Bench:
    """``made`` of a shape is what there is to be made once only, ``variables`` what nobody may lose,
    ``rest`` what else a goal consists of.
    """

    def __init__(self, sandbox: Sandbox, name: str, backend: str, repository: str) -> None:
        self.sandbox, self.name, self.repository = sandbox, name, repository
        self.commits = {release: resolve(repository, release) for release in RELEASES}
        self.state = sandbox.create_storefront(name, backend=backend, repository=repository)
        self.s3, self.stores = sandbox.s3(), False  # whether the store is checked too
        self.token = ""  # of the lease
        self.stored: dict[str, bytes] = {}  # objects that a case begins with
        self.save("fresh")

    def close(self) -> None:
        self.tell("DELETE", "/faults")
        self.s3.close()
        self.sandbox.drop_storefront(self.name)

    def tell(self, method: str, path: str, body: Any = None) -> Any:
        return self.sandbox.cloud(method, path, body)

    def run(self, module: ModuleType, vendor: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Run a module that speaks to a vendor."""
        servers, access = self.sandbox.state, dict[str, Any]()
        if vendor == "objects":
            keys = {f"store_{key}": servers["s3"][key] for key in ("access_key", "secret_key", "region")}
            access = {"store": self.state["store"], "store_endpoint_url": servers["cloud"]["objects_url"], **keys}
        elif vendor:
            access = {"api_token": servers["tokens"][vendor], "api_url": servers["cloud"][f"{vendor}_url"]}
        return run_module(module, {**access, **params}, diff=False)

    def fault(self, vendor: str, operation: str, kind: str, **more: Any) -> None:
        place = {"storefront": self.name} if operation not in NO_STOREFRONT else {}
        self.tell("POST", "/faults", {"vendor": vendor, "operation": operation, "kind": kind, **place, **more})

    def asked(self, vendor: str) -> list[tuple[str, bool]]:
        """Return what was asked of a vendor since the requests were last forgotten: operation, and whether
        it is a write.
        """
        listed = [request for request in self.tell("GET", "/requests") if request["vendor"] == vendor]
        return [(request["operation"], _writes(vendor, request)) for request in listed]

    # Putting back

    def save(self, label: str) -> None:
        self.kept()
        self.tell("POST", f"/storefronts/{self.name}/save", {"label": label})

    def restore(self, label: str) -> None:
        self.tell("DELETE", "/faults")
        self.tell("POST", f"/storefronts/{self.name}/restore", {"label": label})
        for key in self.objects() if self.stores else ():
            self.s3.delete_object(**self._at(key))
        for upload in self.unfinished() if self.stores else ():
            self.s3.abort_multipart_upload(**self._at(upload["Key"]), UploadId=upload["UploadId"])

    def kept(self) -> Shape:
        """Return what the vendors keep once nothing is under way any more."""
        give_up = time.monotonic() + PATIENCE
        while (kept := self.tell("GET", f"/storefronts/{self.name}/kept"))["busy"]:
            assert time.monotonic() < give_up
            time.sleep(0.01)
        return kept

    # Looking

    def objects(self) -> list[str]:
        listed = self.s3.list_objects_v2(Bucket="storefront", Prefix=f"{self.name}/").get("Contents", [])
        return [item["Key"].removeprefix(f"{self.name}/") for item in listed]

    def read(self, key: str) -> bytes:
        return self.s3.get_object(**self._at(key))["Body"].read()

    def write(self, key: str, content: bytes) -> None:
        self.s3.put_object(**self._at(key), Body=content)

    def begin_upload(self, key: str) -> None:
        self.s3.create_multipart_upload(**self._at(key))

    def unfinished(self) -> list[dict[str, Any]]:
        """Return the uploads that are not completed: their ``Key`` in the store, their ``UploadId``."""
        listed = self.s3.list_multipart_uploads(Bucket="storefront", Prefix=f"{self.name}/").get("Uploads", [])
        return [{**upload, "Key": upload["Key"].removeprefix(f"{self.name}/")} for upload in listed]

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": "storefront", "Key": f"{self.name}/{key}"}

    def deployment(self, release: str) -> str:
        """Return the id of the newest deployment of a release, at whichever platform."""
        kept = self.tell("GET", f"/storefronts/{self.name}/kept")
        of_site = [
            (one["created"], key)
            for key, one in kept["site"]["deployments"].items()
            if one["meta"].get("release") == release
        ]
        units = [(key, one) for service in kept["services"].values() for key, one in service["deployments"].items()]
        return max(of_site + [(one["created"], key) for key, one in units if _label(one).startswith(f"{release} ")])[1]

    def shape(self) -> Shape:
        """Return what there is once nothing is under way."""
        kept = self.kept()
        site, services, objects = kept["site"], list(kept["services"].values()), self.objects() if self.stores else []
        releases = {key: f"{one['meta'].get('release')} {one['state']}" for key, one in site["deployments"].items()}
        made = [f"vercel {word}" for word in releases.values()]
        made += [f"{service['name']} {_label(one)}" for service in services for one in service["deployments"].values()]
        made += [f"github {one['payload']}" for one in kept["github"]["deployments"]]
        made += [
            f"github {one['payload']} {status['state']}"
            for one in kept["github"]["deployments"]
            for status in one["statuses"]
        ]
        made += [f"slack {message['text']}" for message in kept["slack"]["messages"]]
        made += [
            f"sentry {one['version']} {deploy['environment']}"
            for one in kept["sentry"]["releases"].values()
            for deploy in one["deploys"]
        ]
        made += [f"ledger {key.rpartition('-')[2]}" for key in objects if key.startswith("ledger/")]
        made += [f"backup {key}" for key in objects if key.startswith("backups/") and key.count("/") == 1]
        return {
            "made": sorted(made),
            "variables": {
                **_site_variables(site),
                **{
                    f"{service['name']} {name}": value
                    for service in services
                    for name, value in service["variables"].items()
                },
            },
            "rest": {
                **{
                    "live": releases.get(site["live"]),
                    "aliases": [releases.get(key) for key in site["aliases"].values()],
                    "assigns": site["auto_assign"],
                },
                **{"staged": kept["staged"], "services": [_service(service) for service in services]},
                "sentry": [
                    {key: one[key] for key in ("version", "projects", "commits", "dateReleased")}
                    for one in kept["sentry"]["releases"].values()
                ],
                "lease": self._lease() if "lease.json" in objects else None,
            },
        }

    def _lease(self) -> Shape:
        kept = json.loads(self.read("lease.json"))
        return {key: kept[key] for key in ("state", "holder", "release", "journal", "fence")}


def _writes(vendor: str, request: Mapping[str, Any]) -> bool:
    return (
        request["operation"] not in RAILWAY_READS if vendor == "railway" else request["method"] not in ("GET", "HEAD")
    )


def _label(one: Mapping[str, Any]) -> str:
    """Return what distinguishes one deployment of a unit from another: its release, why it was made, and its state."""
    said = (one["commit"].get("message") or one["message"] or one["meta"].get("commitHash") or "image").split()[0]
    return f"{said} {one['reason']} {'stopped' if one['stopped'] else one['status']}"


def _service(service: Mapping[str, Any]) -> Shape:
    live = service["deployments"].get(service["live"])
    settings = {key: service["settings"].get(key) for key in SETTINGS}
    return {
        "live": live and _label(live),
        "auto_deploy": service["auto_deploy"],
        "source": service["source"],
        **settings,
    }


def _site_variables(site: Mapping[str, Any]) -> dict[str, str]:
    return {f"site {item['key']} {place}": item["value"] for item in site["variables"] for place in item["target"]}


def done(result: dict[str, Any]) -> dict[str, Any]:
    """Return what a module gave back. Raises AssertionError where it failed."""
    assert not result["failed"], result
    return result
