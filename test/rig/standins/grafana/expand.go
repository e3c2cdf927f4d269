package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

var reExpand = regexp.MustCompile(`\$(|__\w+)\{([^}]+)\}`)

// expandVar resolves ${NAME}, $__env{NAME} and $__file{path} the way Grafana does, environment first.
// Errors: a file that cannot be read; an expander that this stand-in does not know.
func expandVar(s string) (string, error) {
	for _, pass := range []string{"env", "file"} {
		for _, m := range reExpand.FindAllStringSubmatch(s, -1) {
			kind, arg := strings.TrimPrefix(m[1], "__"), m[2]
			if kind == "" {
				kind = "env"
			}
			if kind != "env" && kind != "file" {
				return "", fmt.Errorf("the Grafana stand-in does not know the expander $__%s{}", kind)
			}
			if kind != pass {
				continue
			}
			value := os.Getenv(arg)
			if kind == "env" && arg == "HOSTNAME" && value == "" {
				value, _ = os.Hostname()
			}
			if kind == "file" {
				b, err := os.ReadFile(arg)
				if err != nil {
					return "", err
				}
				value = strings.TrimSpace(string(b))
			}
			s = strings.Replace(s, m[0], value, 1)
		}
	}
	return s, nil
}

var reDollar = regexp.MustCompile(`\$[A-Za-z0-9_{*#@!?-]`)

// interpolate does what Grafana does to every value of a provisioning file: expandVar, then $NAME; "$$" is a
// plain dollar. Grafana expands the content of a secret a second time, so a dollar in a secret silently makes
// another password; here that is an error.
func interpolate(s string) (string, error) {
	parts := strings.Split(s, "$$")
	for i, p := range parts {
		v, err := expandVar(p)
		if err != nil {
			return "", err
		}
		if v != p && strings.Contains(p, "$__file{") && reDollar.MatchString(v) {
			return "", fmt.Errorf("the file named in %q holds a dollar sign, which Grafana would expand once more: use a secret without '$'", p)
		}
		parts[i] = os.ExpandEnv(v)
	}
	return strings.Join(parts, "$"), nil
}
