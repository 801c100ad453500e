"""The bill of materials of the wheel, as CycloneDX 1.6 JSON, from the lock files alone.

Equal lock files give equal bytes: the serial number is derived from the contents, and the time is
SOURCE_DATE_EPOCH (reproducible-builds.org) or, without it, the start of 1980 as in archives.
"""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from supply_chain.locks import Ecosystem, LockedPackage

FILE_NAME: Final = "swapgate.cdx.json"
"""In the directory `sboms` of the wheel's metadata, where PEP 770 places such files."""

_EARLIEST: Final = 315532800
_ALGORITHMS: Final = {
    Ecosystem.PYPI: HashAlgorithm.SHA_256,
    Ecosystem.NPM: HashAlgorithm.SHA_512,
}


def sbom(packages: Sequence[LockedPackage], *, name: str, version: str) -> str:
    """Return the document for the version `version` of the project `name`."""
    root = Component(
        type=ComponentType.APPLICATION,
        name=name,
        version=version,
        bom_ref=name,
        purl=PackageURL(type="pypi", name=name, version=version),
    )
    components = {package.name: _component(package) for package in packages}
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH", _EARLIEST))
    digests = [digest for package in packages for digest in package.hashes]
    contents = sha256("\n".join([name, version, *sorted(digests)]).encode()).hexdigest()
    bom = Bom(
        serial_number=uuid5(NAMESPACE_URL, contents),
        metadata=BomMetaData(component=root, timestamp=datetime.fromtimestamp(seconds, UTC)),
        components=components.values(),
    )
    required: dict[str, list[Component]] = {name: []}
    for package in packages:
        for parent in package.required_by or (name,):
            required.setdefault(parent, []).append(components[package.name])
    bom.register_dependency(root, required[name])
    for parent, component in components.items():
        bom.register_dependency(component, required.get(parent, []))
    return JsonV1Dot6(bom).output_as_string(indent=1) + "\n"


def _component(package: LockedPackage) -> Component:
    namespace, _, plain = package.name.rpartition("/")
    purl = PackageURL(
        type=package.ecosystem, namespace=namespace or None, name=plain, version=package.version
    )
    algorithm = _ALGORITHMS[package.ecosystem]
    return Component(
        type=ComponentType.LIBRARY,
        group=namespace or None,
        name=plain,
        version=package.version,
        bom_ref=str(purl),
        purl=purl,
        hashes=[HashType(alg=algorithm, content=digest) for digest in package.hashes],
    )
