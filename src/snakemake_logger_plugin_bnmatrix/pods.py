"""What the Kubernetes plugin gets wrong about a pod that failed: it ends the run.

The plugin 0.5 asks for the log of the pod's previous container. Its pods never start again and have
no previous container, so that the API answers with an error, which the plugin does not expect. This
module asks for the log of the container that failed.
"""

import sys
from typing import Any

_PLUGIN, _CLIENT = "snakemake_executor_plugin_kubernetes", "kubernetes.client"


def read_logs_of_failed_pods() -> None:
    """Let the Kubernetes plugin, if it is loaded, read the logs of pods that failed."""
    if _PLUGIN not in sys.modules:
        return
    client = sys.modules[_CLIENT]
    before = client.CoreV1Api.read_namespaced_pod_log
    if getattr(before, "reads_failed_pods", False):
        return

    def read(api: Any, name: str, namespace: str, previous: bool = False, **named: Any) -> str:
        del previous
        try:
            return str(before(api, name, namespace, **named))
        except client.ApiException as error:
            return f"The log of the pod could not be read: {error.reason}"

    read.reads_failed_pods = True  # type: ignore[attr-defined]
    client.CoreV1Api.read_namespaced_pod_log = read
