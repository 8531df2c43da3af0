"""`dsstail demo`: the simulator and the live tail in one command."""

from __future__ import annotations

import os
import sys

from dsstail import config
from dsstail.cli.commands import command
from dsstail.cli.options import Devices, Filters, Output, Stop
from dsstail.cli.simulate import simulator_settings
from dsstail.keys import StreamKey


@command
def demo(devices: Devices, filters: Filters, output: Output, stop: Stop) -> int:
    """
    It serves them on this machine and connects to them as it would to the service.

    Examples:
      dsstail demo --rate 2
      dsstail demo -t datapoint -P '*temp*' --count 20
      dsstail demo | jq .datapoint.value
    """
    from dsstail import pipeline
    from dsstail.simulator import Simulator

    filtering = config.filtering(vars(filters))
    showing = config.showing(vars(output), os.environ, sys.stdout)
    stopping = config.stopping(vars(stop))
    with Simulator(simulator_settings(vars(devices))) as simulator:
        connecting = config.Connecting(simulator.url, (StreamKey("stream", simulator.key),))
        return pipeline.tail(config.TailSettings(connecting, filtering, showing, stopping))
