"""Where the Datastream Service lives: its documentation's regional table, or a URL elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from dsstail.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Place:
    """One instance of the service: the domain of its streams (wss) and of its REST API (https)."""

    client_type: str
    region: str
    deployment: str
    wss: str
    https: str

    def __str__(self) -> str:
        return f"{self.client_type} {self.region} {self.deployment}"

    @property
    def stream_url(self) -> str:
        """The URL that streams are read from, still without a key."""
        return f"wss://{self.wss}/stream"


_TABLE = """
cloud   us  dev    stream.aylanetworks.com            stream.aylanetworks.com
cloud   us  field  stream-field.aylanetworks.com      stream-field.aylanetworks.com
cloud   cn  dev    stream.ayla.com.cn                 stream.ayla.com.cn
cloud   cn  field  stream-field.ayla.com.cn           stream-field.ayla.com.cn
cloud   eu  field  stream-field-eu.aylanetworks.com   stream-field-eu.aylanetworks.com
mobile  us  dev    mstream-dev.aylanetworks.com       mdss-dev.aylanetworks.com
mobile  us  field  mstream-field.aylanetworks.com     mdss-field.aylanetworks.com
mobile  cn  dev    mstream-dev.ayla.com.cn            mdss-dev.ayla.com.cn
mobile  cn  field  mstream-field.ayla.com.cn          mdss-field.ayla.com.cn
mobile  eu  field  mstream-field-eu.aylanetworks.com  mdss-field-eu.aylanetworks.com
"""

PLACES = tuple(Place(*row.split()) for row in _TABLE.strip().splitlines())
CLIENT_TYPES = tuple(dict.fromkeys(place.client_type for place in PLACES))
REGIONS = ("us", "eu", "cn")


def at(host: str) -> Place | None:
    """The place whose streams come from this host."""
    return next((place for place in PLACES if place.wss == host.lower().rstrip(".")), None)


def resolve(region: str, deployment: str | None, client_type: str) -> Place:
    """A place of one of the REGIONS; without a deployment `dev`, or the only one that there is.

    Raises ConfigurationError, naming what exists, where there is no such deployment.
    """
    here = {
        place.deployment: place
        for place in PLACES
        if place.client_type == client_type and place.region == region
    }
    wanted = deployment or (next(iter(here)) if len(here) == 1 else "dev")
    if wanted in here:
        return here[wanted]
    raise ConfigurationError(
        f"there is no {wanted} deployment in {region}. Deployments: {_deployments(client_type)}."
    )


_OURS = {"stream_key", "seq_start", "seq_end"}
"""What is added to the query of a stream's URL."""


def stream_url(text: str) -> str:
    """A URL that a key can be added to; ValueError tells what is wrong with any other.

    It may hold a key already, so no message quotes it.
    """
    from urllib.parse import parse_qs, urlsplit

    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("a URL has no blanks, no control characters and nothing beyond ASCII")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("its host or port is not valid") from None
    if parts.scheme not in ("ws", "wss") or not parts.hostname or port == 0:
        raise ValueError("it must look like wss://HOST/stream")
    if "@" in parts.netloc:
        raise ValueError("a user or a password has no place in it")
    if "#" in text:
        raise ValueError("a #fragment has no place in it")
    if _OURS & parse_qs(parts.query, keep_blank_values=True).keys():
        raise ValueError("the key goes into --key, a window into --from-seq and --to-seq")
    return parts.scheme + text[len(parts.scheme) :]


def _deployments(client_type: str) -> str:
    """What exists: `us dev, field; cn dev, field; eu field`."""
    regions: dict[str, list[str]] = {}
    for place in PLACES:
        if place.client_type == client_type:
            regions.setdefault(place.region, []).append(place.deployment)
    return "; ".join(f"{region} {', '.join(found)}" for region, found in regions.items())
