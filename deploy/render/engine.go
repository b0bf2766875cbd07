// The template language of Helm charts: text/template with sprig, and those of the functions and objects that Helm adds
// (pkg/engine of Helm 3) which the chart uses. What it uses besides is an error when it is rendered.
package main

import (
	"encoding/json"
	"path"
	"sort"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"sigs.k8s.io/yaml"
)

type chart struct {
	meta, values map[string]interface{}
	templates    map[string]string
	files        files
}

func (c *chart) name() string { return c.meta["name"].(string) }

// files is what templates see as .Files.
type files map[string][]byte

// Get returns a file's text, and nothing when there is no such file, as Helm does.
func (f files) Get(name string) string { return string(f[name]) }

// render returns what each template file says.
func (c *chart) render(name, namespace string) (map[string]string, error) {
	all := template.New("chart").Option("missingkey=zero")
	all.Funcs(functions(all))
	var names []string
	for name, text := range c.templates {
		names = append(names, name)
		if _, err := all.New(path.Join(c.name(), name)).Parse(text); err != nil {
			return nil, err
		}
	}
	sort.Strings(names)
	rendered := map[string]string{}
	for _, file := range names {
		if strings.HasPrefix(path.Base(file), "_") {
			continue
		}
		var text strings.Builder
		if err := all.ExecuteTemplate(&text, path.Join(c.name(), file), c.top(file, name, namespace)); err != nil {
			return nil, err
		}
		// What Helm does with values that are not there.
		rendered[file] = strings.ReplaceAll(text.String(), "<no value>", "")
	}
	return rendered, nil
}

// top is what a template file is given.
func (c *chart) top(file, name, namespace string) map[string]interface{} {
	meta := map[string]interface{}{}
	for key, value := range c.meta {
		meta[strings.ToUpper(key[:1])+key[1:]] = value
	}
	return map[string]interface{}{
		"Values": c.values,
		"Chart":  meta,
		"Files":  c.files,
		"Release": map[string]interface{}{
			"Name": name, "Namespace": namespace, "Service": "Helm", "Revision": 1, "IsInstall": true, "IsUpgrade": false,
		},
		"Template": map[string]interface{}{
			"Name": path.Join(c.name(), file), "BasePath": path.Join(c.name(), "templates"),
		},
	}
}

func functions(all *template.Template) template.FuncMap {
	more := sprig.TxtFuncMap()
	// A chart must not depend on where it is rendered.
	delete(more, "env")
	delete(more, "expandenv")
	more["include"] = func(name string, data interface{}) (string, error) {
		var text strings.Builder
		err := all.ExecuteTemplate(&text, name, data)
		return text.String(), err
	}
	more["toYaml"] = func(value interface{}) string {
		text, err := yaml.Marshal(value)
		if err != nil {
			return ""
		}
		return strings.TrimSuffix(string(text), "\n")
	}
	more["fromJsonArray"] = func(text string) []interface{} {
		read := []interface{}{}
		if err := json.Unmarshal([]byte(text), &read); err != nil {
			read = []interface{}{err.Error()}
		}
		return read
	}
	return more
}
