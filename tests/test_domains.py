"""The regional table, row by row as the service's documentation prints it."""

from __future__ import annotations

import pytest

from dsstail.domains import PLACES, resolve
from dsstail.errors import ConfigurationError

DOCUMENTED = {
    ("cloud", "cn", "dev"): ("stream.ayla.com.cn", "stream.ayla.com.cn"),
    ("cloud", "cn", "field"): ("stream-field.ayla.com.cn", "stream-field.ayla.com.cn"),
    ("cloud", "eu", "field"): (
        "stream-field-eu.aylanetworks.com",
        "stream-field-eu.aylanetworks.com",
    ),
    ("cloud", "us", "dev"): ("stream.aylanetworks.com", "stream.aylanetworks.com"),
    ("cloud", "us", "field"): ("stream-field.aylanetworks.com", "stream-field.aylanetworks.com"),
    ("mobile", "cn", "dev"): ("mstream-dev.ayla.com.cn", "mdss-dev.ayla.com.cn"),
    ("mobile", "cn", "field"): ("mstream-field.ayla.com.cn", "mdss-field.ayla.com.cn"),
    ("mobile", "eu", "field"): (
        "mstream-field-eu.aylanetworks.com",
        "mdss-field-eu.aylanetworks.com",
    ),
    ("mobile", "us", "dev"): ("mstream-dev.aylanetworks.com", "mdss-dev.aylanetworks.com"),
    ("mobile", "us", "field"): ("mstream-field.aylanetworks.com", "mdss-field.aylanetworks.com"),
}


def test_the_table_is_the_documented_one() -> None:
    table = {(p.client_type, p.region, p.deployment): (p.wss, p.https) for p in PLACES}
    assert table == DOCUMENTED
    assert len(PLACES) == 10


@pytest.mark.parametrize(("client_type", "region", "deployment"), DOCUMENTED)
def test_every_place_resolves_to_its_url(client_type: str, region: str, deployment: str) -> None:
    place = resolve(region, deployment, client_type)
    assert place.stream_url == f"wss://{DOCUMENTED[client_type, region, deployment][0]}/stream"


def test_the_default_deployment_is_dev() -> None:
    assert resolve("us", None, "cloud").deployment == "dev"
    assert resolve("cn", None, "cloud").deployment == "dev"


@pytest.mark.parametrize("client_type", ["cloud", "mobile"])
def test_a_region_with_one_deployment_needs_none_named(client_type: str) -> None:
    assert resolve("eu", None, client_type).deployment == "field"


@pytest.mark.parametrize("client_type", ["cloud", "mobile"])
def test_a_place_that_does_not_exist_names_those_that_do(client_type: str) -> None:
    with pytest.raises(ConfigurationError) as failure:
        resolve("eu", "dev", client_type)
    assert str(failure.value) == (
        "there is no dev deployment in eu. Deployments: us dev, field; cn dev, field; eu field."
    )
    assert failure.value.exit_code == 2
