{{- define "tapio.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- /* Release and chart name; the release's alone where it names the chart. 40 characters leave room for what follows. */ -}}
{{- define "tapio.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "tapio.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "tapio.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- /* What never changes: selectors are immutable. */ -}}
{{- define "tapio.selector" -}}
app.kubernetes.io/name: {{ include "tapio.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "tapio.labels" -}}
{{ include "tapio.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "tapio.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{- define "tapio.lease" -}}
{{ .Release.Namespace }}/{{ include "tapio.fullname" . }}
{{- end -}}

{{- /* What the containers of both parts have in common. */ -}}
{{- define "tapio.container" -}}
image: {{ include "tapio.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
ports:
  - name: metrics
    containerPort: {{ .Values.metrics.port | int }}
    protocol: TCP
# The engine does not move: restart it.
livenessProbe:
  httpGet:
    path: /healthz
    port: metrics
  initialDelaySeconds: 10
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
# All that can be seen was listed once.
readinessProbe:
  httpGet:
    path: /readyz
    port: metrics
  periodSeconds: 5
  timeoutSeconds: 5
{{- end -}}

{{- define "tapio.configMount" -}}
- name: config
  mountPath: /etc/tapio
  readOnly: true
{{- end -}}

{{- define "tapio.configVolume" -}}
- name: config
  configMap:
    name: {{ include "tapio.fullname" . }}-config
{{- end -}}

{{- define "tapio.podAnnotations" -}}
{{- if .root.Values.config }}
checksum/config: {{ toYaml .root.Values.config | sha256sum }}
{{- end }}
{{- with .own }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* The binding of a part's ClusterRole to its service account: (list . "agent"). */ -}}
{{- define "tapio.binding" -}}
{{- $part := last . -}}
{{- with first . -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ include "tapio.fullname" . }}-{{ $part }}
  labels:
    {{- include "tapio.labels" . | nindent 4 }}
    app.kubernetes.io/component: {{ $part }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ include "tapio.fullname" . }}-{{ $part }}
subjects:
  - kind: ServiceAccount
    name: {{ include "tapio.fullname" . }}-{{ $part }}
    namespace: {{ .Release.Namespace }}
{{- end -}}
{{- end -}}

{{- /* In Prometheus' own language: whom an alert is about. */ -}}
{{- define "tapio.whose" -}}
{{ `{{ if $labels.pod }}Pod {{ $labels.namespace }}/{{ $labels.pod }}{{ else if $labels.kind }}{{ $labels.kind }} {{ with $labels.namespace }}{{ . }}/{{ end }}{{ $labels.name }}{{ else if $labels.node }}Seen from node {{ $labels.node }}{{ else }}Seen in the cluster as a whole{{ end }}` }}
{{- end -}}
