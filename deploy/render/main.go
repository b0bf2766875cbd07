// Renders a chart as `helm template` does, for a check that has no helm: the same template language, functions, values and
// order of values files. docs: ../README.md.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"

	"sigs.k8s.io/yaml"
)

type many []string

func (m *many) String() string         { return strings.Join(*m, ",") }
func (m *many) Set(value string) error { *m = append(*m, value); return nil }

func main() {
	var files, only many
	chart := flag.String("chart", "", "folder of the chart")
	name := flag.String("name", "tapio", "name of the release")
	namespace := flag.String("namespace", "tapio-system", "namespace of the release")
	notes := flag.Bool("notes", false, "write NOTES.txt instead of the manifests")
	values := flag.Bool("values", false, "write the values that the templates are given, as JSON, instead of the manifests")
	flag.Var(&files, "f", "values file, the last wins (repeatable)")
	flag.Var(&only, "s", "show this template alone (repeatable)")
	flag.Parse()
	if err := run(*chart, *name, *namespace, files, only, *notes, *values); err != nil {
		fmt.Fprintln(os.Stderr, "render:", err)
		os.Exit(1)
	}
}

func run(folder, name, namespace string, files, only []string, notes, values bool) error {
	chart, err := load(folder)
	if err != nil {
		return err
	}
	for _, file := range files {
		more, err := readYAML(file)
		if err != nil {
			return err
		}
		chart.values = merge(chart.values, more)
	}
	if values {
		text, err := yaml.Marshal(chart.values)
		if err != nil {
			return err
		}
		text, err = yaml.YAMLToJSON(text)
		os.Stdout.Write(text)
		return err
	}
	rendered, err := chart.render(name, namespace)
	if err != nil {
		return err
	}
	if notes {
		os.Stdout.WriteString(rendered["templates/NOTES.txt"])
		return nil
	}
	return write(chart, rendered, only)
}

// order is that in which Helm installs what the chart has; kinds that are not named come last.
var order = []string{
	"NetworkPolicy", "PodDisruptionBudget", "ServiceAccount", "ConfigMap", "ClusterRole", "ClusterRoleBinding", "Role",
	"RoleBinding", "Service", "DaemonSet", "Deployment",
}

// write prints the manifests in the order of installation, each with the file that it is from.
func write(chart *chart, rendered map[string]string, only []string) error {
	var names []string
	for name := range rendered {
		if strings.HasSuffix(name, ".yaml") {
			names = append(names, name)
		}
	}
	if len(only) > 0 {
		names = only
	}
	sort.Strings(names)
	texts := map[string][]string{}
	var kinds []string
	for _, name := range names {
		text, ok := rendered[name]
		if !ok {
			return fmt.Errorf("the chart has no template %s", name)
		}
		for _, document := range strings.Split("\n"+text, "\n---\n") {
			var object struct{ Kind string }
			if err := yaml.Unmarshal([]byte(document), &object); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if object.Kind == "" {
				continue
			}
			if texts[object.Kind] == nil {
				kinds = append(kinds, object.Kind)
			}
			source := path.Join(chart.name(), name)
			texts[object.Kind] = append(texts[object.Kind], "---\n# Source: "+source+"\n"+strings.TrimSpace(document)+"\n")
		}
	}
	sort.Slice(kinds, func(a, b int) bool {
		first, second := place(kinds[a]), place(kinds[b])
		return first < second || first == second && kinds[a] < kinds[b]
	})
	for _, kind := range kinds {
		fmt.Print(strings.Join(texts[kind], ""))
	}
	return nil
}

func place(kind string) int {
	for at, one := range order {
		if one == kind {
			return at
		}
	}
	return len(order)
}

// merge lays values over others: maps are merged, null takes away, all else replaces.
func merge(below, above map[string]interface{}) map[string]interface{} {
	for key, value := range above {
		over, isMap := value.(map[string]interface{})
		under, wasMap := below[key].(map[string]interface{})
		switch {
		case value == nil:
			delete(below, key)
		case isMap && wasMap:
			below[key] = merge(under, over)
		default:
			below[key] = value
		}
	}
	return below
}

func readYAML(file string) (map[string]interface{}, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	read := map[string]interface{}{}
	if err := yaml.UnmarshalStrict(text, &read); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return read, nil
}

// load reads a chart's folder; what lies beside the templates can be read by them.
func load(folder string) (*chart, error) {
	loaded := &chart{templates: map[string]string{}, files: files{}}
	err := filepath.Walk(folder, func(file string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(folder, file)
		if err != nil {
			return err
		}
		switch {
		case strings.HasPrefix(name, "templates/"):
			loaded.templates[name] = string(text)
		case name != "Chart.yaml" && name != "values.yaml" && name != "values.schema.json":
			loaded.files[name] = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if loaded.meta, err = readYAML(filepath.Join(folder, "Chart.yaml")); err != nil {
		return nil, err
	}
	loaded.values, err = readYAML(filepath.Join(folder, "values.yaml"))
	return loaded, err
}
