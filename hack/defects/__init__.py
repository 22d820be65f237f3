"""The deliberate defects of `python -m hack.mutation`, by what they spoil."""

from __future__ import annotations

from typing import Final

from hack.defects import (
    admission,
    assessment,
    batches,
    bystanders,
    cluster,
    commands,
    connection,
    deployments,
    gates,
    hostile,
    lifecycle,
    metrics,
    output,
    page,
    predictions,
    process,
    pull_pods,
    reports,
    resizes,
    sidecars,
    template,
    trust,
    versions,
    workload,
)
from hack.defects.defect import Defect

DEFECTS: Final[tuple[Defect, ...]] = (
    *admission.DEFECTS,
    *assessment.DEFECTS,
    *lifecycle.DEFECTS,
    *workload.DEFECTS,
    *deployments.DEFECTS,
    *gates.DEFECTS,
    *template.DEFECTS,
    *cluster.DEFECTS,
    *predictions.DEFECTS,
    *process.DEFECTS,
    *commands.DEFECTS,
    *connection.DEFECTS,
    *output.DEFECTS,
    *batches.DEFECTS,
    *bystanders.DEFECTS,
    *pull_pods.DEFECTS,
    *versions.DEFECTS,
    *metrics.DEFECTS,
    *page.DEFECTS,
    *reports.DEFECTS,
    *resizes.DEFECTS,
    *sidecars.DEFECTS,
    *trust.DEFECTS,
    *hostile.DEFECTS,
)
