"""Admission policies: MutatingAdmissionPolicy and ValidatingAdmissionPolicy, installed as objects of the API.

`policies` selects and runs them, `matching` says which requests they are about, `params` finds their parameters,
`expressions` is CEL and `mutations` what a mutation makes of an object (apiserver, admission/plugin/policy).
"""
