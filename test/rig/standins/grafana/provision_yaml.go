package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Booleans and numbers of provisioning files may come from ${...}, so they are read from text.
type yBool bool
type yInt int64

func (b *yBool) UnmarshalYAML(n *yaml.Node) error {
	v, err := strconv.ParseBool(n.Value)
	if err != nil {
		return fmt.Errorf("line %d: %q is not true or false", n.Line, n.Value)
	}
	*b = yBool(v)
	return nil
}

func (i *yInt) UnmarshalYAML(n *yaml.Node) error {
	v, err := strconv.ParseInt(n.Value, 10, 64)
	if err != nil {
		return fmt.Errorf("line %d: %q is not a whole number", n.Line, n.Value)
	}
	*i = yInt(v)
	return nil
}

// yamlFiles lists a provisioning folder in order. As in Grafana a missing folder is no error: gone says so.
func yamlFiles(dir string) (files []string, gone bool) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, true
	}
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); ext == ".yaml" || ext == ".yml" {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	return files, false
}

// decodeStrict reads one YAML document, interpolates its values and refuses unknown keys. An empty file is allowed.
func decodeStrict(path string, into any) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	d := yaml.NewDecoder(bytes.NewReader(raw))
	var doc yaml.Node
	if err := d.Decode(&doc); errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := d.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: only one YAML document is read, this file has more", path)
	}
	if err := interpolateNode(&doc); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := checkKeys(&doc, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// checkKeys decodes with unknown keys refused; yaml.v3 has that only on its decoder, hence the detour.
func checkKeys(doc *yaml.Node, into any) error {
	b, err := yaml.Marshal(doc)
	if err != nil {
		return err
	}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

func interpolateNode(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" {
		v, err := interpolate(n.Value)
		if err != nil {
			return fmt.Errorf("line %d: %w", n.Line, err)
		}
		n.Value = v
		return nil
	}
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			continue // keys stay as they are
		}
		if err := interpolateNode(c); err != nil {
			return err
		}
	}
	return nil
}

// unknownKeys names the keys of m that are neither allowed nor begin with one of the prefixes.
func unknownKeys[V any](m map[string]V, allowed []string, prefixes ...string) (out []string) {
	for k := range m {
		if !slices.Contains(allowed, k) && !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(k, p) }) {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}
