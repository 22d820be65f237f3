{{- /* The name of all objects: the release's, with the chart's where the release's does not have it. */}}
{{- define "inplace.fullname" -}}
{{- $name := .Values.fullnameOverride -}}
{{- if not $name -}}
{{- $name = ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) -}}
{{- end -}}
{{- $name | trunc 48 | trimSuffix "-" -}}
{{- end }}

{{- /* Objects outside of namespaces: several installations, each for its own namespace, stand side by side. */}}
{{- define "inplace.suffix" -}}
{{- if .Values.namespaced }}-{{ .Release.Namespace }}{{ end -}}
{{- end }}

{{- define "inplace.serviceAccountName" -}}
{{- if .Values.serviceAccount.name -}}
{{- .Values.serviceAccount.name -}}
{{- else if .Values.serviceAccount.create -}}
{{- include "inplace.fullname" . -}}
{{- else -}}
{{- fail "serviceAccount.name: name the ServiceAccount that is there, or set serviceAccount.create=true" -}}
{{- end -}}
{{- end }}

{{- define "inplace.image" -}}
{{- $tag := .Values.image.tag | default .Chart.AppVersion -}}
{{- .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ $tag }}{{ end -}}
{{- end }}

{{- define "inplace.selectorLabels" -}}
app.kubernetes.io/name: inplace
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "inplace.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "inplace.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: inplace
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}
