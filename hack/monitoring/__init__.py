"""Alerts and a dashboard: `python -m hack.monitoring` writes what is generated, the tests hold it against the metrics.

`manifests/components/monitoring/rules.yaml` is the source of the alerts, `workload_rows` and `controller_rows` are that
of the dashboard.
"""
