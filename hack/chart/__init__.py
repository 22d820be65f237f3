"""`python -m hack.chart`: the Helm chart in charts/inplace, made from the kustomize manifests, the one truth.

Every object that kustomize renders goes into a template, with expressions where an installation's names stand (`names`)
and where a value of the chart does (`values`, `places`). What an overlay has and the base has not stands under a
condition (`variants`), so that what is new in the manifests is new in the chart too, without work by hand.
By hand, in charts/inplace: templates/_helpers.tpl, templates/NOTES.txt and .helmignore.
"""
