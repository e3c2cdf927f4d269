package main

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

type datasourceFile struct {
	APIVersion        yInt               `yaml:"apiVersion"`
	Prune             yBool              `yaml:"prune"`
	Datasources       []datasourceConfig `yaml:"datasources"`
	DeleteDatasources []struct {
		OrgID yInt   `yaml:"orgId"`
		Name  string `yaml:"name"`
	} `yaml:"deleteDatasources"`
}

type datasourceConfig struct {
	OrgID           yInt              `yaml:"orgId"`
	Version         yInt              `yaml:"version"`
	Name            string            `yaml:"name"`
	Type            string            `yaml:"type"`
	UID             string            `yaml:"uid"`
	Access          string            `yaml:"access"`
	URL             string            `yaml:"url"`
	User            string            `yaml:"user"`
	Database        string            `yaml:"database"`
	BasicAuth       yBool             `yaml:"basicAuth"`
	BasicAuthUser   string            `yaml:"basicAuthUser"`
	WithCredentials yBool             `yaml:"withCredentials"`
	IsDefault       yBool             `yaml:"isDefault"`
	Editable        yBool             `yaml:"editable"`
	JSONData        map[string]any    `yaml:"jsonData"`
	SecureJSONData  map[string]string `yaml:"secureJsonData"`
}

const postgresType = "grafana-postgresql-datasource"

// What each type's jsonData may hold; a misspelt key would be ignored in silence by the real program.
var httpJSON = []string{"timeout", "tlsAuth", "tlsAuthWithCACert", "tlsSkipVerify", "serverName", "keepCookies", "oauthPassThru", "manageAlerts",
	"alertmanagerUid", "allowAsRecordingRulesTarget"}

var jsonKeys = map[string][]string{
	"prometheus": append([]string{"httpMethod", "timeInterval", "queryTimeout", "prometheusType", "prometheusVersion", "cacheLevel", "defaultEditor",
		"disableMetricsLookup", "incrementalQuerying", "incrementalQueryOverlapWindow", "customQueryParameters", "exemplarTraceIdDestinations",
		"disableRecordingRules", "seriesEndpoint", "seriesLimit"}, httpJSON...),
	"loki":         append([]string{"maxLines", "derivedFields", "predefinedOperations"}, httpJSON...),
	"alertmanager": append([]string{"implementation", "handleGrafanaManagedAlerts"}, httpJSON...),
	postgresType: {"database", "sslmode", "postgresVersion", "timescaledb", "timeInterval", "maxOpenConns", "maxIdleConns", "maxIdleConnsAuto",
		"connMaxLifetime", "tlsConfigurationMethod", "sslRootCertFile", "sslCertFile", "sslKeyFile", "tlsSkipVerify"},
}

var secureKeys = []string{"password", "basicAuthPassword", "tlsCACert", "tlsClientCert", "tlsClientKey"}

// provisionDatasources reads the folder and brings the database to it. Errors: anything malformed, and then
// nothing is changed.
func (g *Grafana) provisionDatasources() error {
	const logger = "provisioning.datasources"
	dir := filepath.Join(g.cfg.Path("paths.provisioning"), "datasources")
	files, gone := yamlFiles(dir)
	if gone {
		g.log.Error(logger, "can't read datasource provisioning files from directory", "path", dir)
	}
	var all []*Datasource
	var remove []string
	var bad []error
	for _, f := range files {
		var c datasourceFile
		if err := decodeStrict(f, &c); err != nil {
			bad = append(bad, err)
			continue
		}
		if c.APIVersion != 1 && len(c.Datasources)+len(c.DeleteDatasources) > 0 {
			bad = append(bad, fmt.Errorf("%s: apiVersion must be 1", f))
		}
		for _, d := range c.DeleteDatasources {
			if d.Name == "" {
				bad = append(bad, fmt.Errorf("%s: an entry of deleteDatasources has no name", f))
			}
			remove = append(remove, d.Name)
		}
		for i, d := range c.Datasources {
			ds, err := d.check(g.cfg)
			if err != nil {
				bad = append(bad, fmt.Errorf("%s: datasources[%d] %q: %w", f, i, d.Name, err))
				continue
			}
			ds.Prunable = bool(c.Prune)
			all = append(all, ds)
		}
	}
	bad = append(bad, checkTogether(all)...)
	if len(bad) > 0 {
		return errors.Join(bad...)
	}
	return g.store.Update(func(db *DB) error { return g.applyDatasources(db, all, remove) })
}

func (c *datasourceConfig) check(cfg *Settings) (*Datasource, error) {
	if c.Type == "postgres" {
		c.Type = postgresType // the old id is an alias in Grafana too
	}
	var bad []error
	need := func(ok bool, format string, a ...any) {
		if !ok {
			bad = append(bad, fmt.Errorf(format, a...))
		}
	}
	keys, known := jsonKeys[c.Type]
	need(c.Name != "", "name is missing")
	need(c.Type != "", "type is missing")
	need(c.Type == "" || known, "the Grafana stand-in does not know the type %q", c.Type)
	need(c.URL != "", "url is missing")
	need(c.OrgID <= 1, "organization %d does not exist", c.OrgID)
	need(c.Access == "" || c.Access == "proxy", "access %q: only proxy is served", c.Access)
	need(len(c.UID) <= 40 && regexp.MustCompile(`^[a-zA-Z0-9_-]*$`).MatchString(c.UID), "uid %q: up to 40 letters, digits, - and _", c.UID)
	if known {
		unknown := unknownKeys(c.JSONData, keys, "httpHeaderName")
		need(len(unknown) == 0, "the Grafana stand-in does not know jsonData.%s", strings.Join(unknown, ", jsonData."))
		unknown = unknownKeys(c.SecureJSONData, secureKeys, "httpHeaderValue")
		need(len(unknown) == 0, "the Grafana stand-in does not know secureJsonData.%s", strings.Join(unknown, ", secureJsonData."))
	}
	if c.Type == postgresType {
		need(!strings.Contains(c.URL, "://"), "url %q: a host and port without scheme", c.URL)
		need(c.User != "", "user is missing")
		need(c.Database != "" || c.JSONData["database"] != nil, "jsonData.database is missing")
		mode, _ := c.JSONData["sslmode"].(string)
		need(slices.Contains([]string{"disable", "require", "verify-ca", "verify-full"}, mode), "jsonData.sslmode is %q: disable, require, verify-ca or verify-full", mode)
	} else if c.URL != "" {
		u, err := url.Parse(c.URL)
		need(err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "", "url %q is not an http address", c.URL)
	}
	need(!bool(c.BasicAuth) || c.BasicAuthUser != "", "basicAuth without basicAuthUser")
	if len(bad) > 0 {
		return nil, errors.New(strings.ReplaceAll(errors.Join(bad...).Error(), "\n", "; "))
	}
	ds := &Datasource{UID: c.UID, OrgID: 1, Name: c.Name, Type: c.Type, Access: "proxy", URL: c.URL, User: c.User, Database: c.Database,
		BasicAuth: bool(c.BasicAuth), BasicAuthUser: c.BasicAuthUser, WithCredentials: bool(c.WithCredentials),
		IsDefault: bool(c.IsDefault), ReadOnly: !bool(c.Editable), JSONData: c.JSONData, Sealed: map[string]string{}}
	if ds.UID == "" {
		ds.UID = strings.ToUpper("P" + sha(c.Name)[:16]) // Grafana derives it from the name too
	}
	if ds.JSONData == nil {
		ds.JSONData = map[string]any{}
	}
	for k, v := range c.SecureJSONData {
		if v != "" {
			ds.Sealed[k] = seal(cfg.Get("security.secret_key"), v)
		}
	}
	return ds, nil
}

// checkTogether finds what only the whole set shows: duplicates, two defaults, links to nowhere.
func checkTogether(all []*Datasource) (bad []error) {
	uids, names, defaults := map[string]string{}, map[string]bool{}, 0
	for _, d := range all {
		if names[d.Name] {
			bad = append(bad, fmt.Errorf("data source name %q is used twice", d.Name))
		}
		if other, ok := uids[d.UID]; ok {
			bad = append(bad, fmt.Errorf("data source uid %q is used by %q and %q", d.UID, other, d.Name))
		}
		names[d.Name], uids[d.UID] = true, d.Name
		if d.IsDefault {
			defaults++
		}
	}
	if defaults > 1 {
		bad = append(bad, errors.New("datasource.yaml config is invalid. Only one datasource per organization can be marked as default"))
	}
	for _, d := range all {
		for _, err := range checkDerivedFields(d, uids) {
			bad = append(bad, fmt.Errorf("data source %q: %w", d.Name, err))
		}
	}
	return bad
}

func checkDerivedFields(d *Datasource, uids map[string]string) (bad []error) {
	fields, _ := d.JSONData["derivedFields"].([]any)
	for i, f := range fields {
		m, ok := f.(map[string]any)
		if !ok {
			bad = append(bad, fmt.Errorf("derivedFields[%d] is no mapping", i))
			continue
		}
		if u := unknownKeys(m, []string{"name", "matcherRegex", "matcherType", "url", "urlDisplayLabel", "datasourceUid", "targetBlank"}); len(u) > 0 {
			bad = append(bad, fmt.Errorf("the Grafana stand-in does not know derivedFields[%d].%s", i, u[0]))
		}
		re, _ := m["matcherRegex"].(string)
		if name, _ := m["name"].(string); name == "" || re == "" {
			bad = append(bad, fmt.Errorf("derivedFields[%d] needs name and matcherRegex", i))
		}
		if _, err := regexp.Compile(re); err != nil {
			bad = append(bad, fmt.Errorf("derivedFields[%d]: %w", i, err))
		}
		if uid, _ := m["datasourceUid"].(string); uid != "" && uids[uid] == "" {
			bad = append(bad, fmt.Errorf("derivedFields[%d]: there is no data source with the uid %q", i, uid))
		}
	}
	return bad
}

func (g *Grafana) applyDatasources(db *DB, all []*Datasource, remove []string) error {
	const logger = "provisioning.datasources"
	wanted := map[string]*Datasource{}
	for _, d := range all {
		wanted[d.Name] = d
	}
	db.Datasources = slices.DeleteFunc(db.Datasources, func(d *Datasource) bool {
		gone := slices.Contains(remove, d.Name) || d.Prunable && wanted[d.Name] == nil
		if gone {
			g.log.Info(logger, "deleted datasource based on configuration", "name", d.Name)
		}
		return gone
	})
	for _, d := range all {
		old := find(db.Datasources, func(o *Datasource) bool { return o.Name == d.Name })
		if other := db.Datasource(d.UID); other != nil && other != old {
			return fmt.Errorf("data source with the same uid already exists: %q is the uid of %q; delete that one with deleteDatasources or prune", d.UID, other.Name)
		}
		if old == nil {
			d.ID, d.Version = db.NextID(), 1
			db.Datasources = append(db.Datasources, d)
			g.log.Info(logger, "inserting datasource from configuration", "name", d.Name, "uid", d.UID)
			continue
		}
		if old.UID != d.UID {
			// The real one keeps going and loses every link to the old uid without a word (grafana#110740).
			return fmt.Errorf("data source %q has the uid %q, the file says %q: keep the uid, or name it in deleteDatasources as well", d.Name, old.UID, d.UID)
		}
		d.ID, d.Version = old.ID, old.Version+1
		*old = *d
		g.log.Debug(logger, "updating datasource from configuration", "name", d.Name, "uid", d.UID)
	}
	for _, d := range db.Datasources { // a new default ends an old one
		if d.IsDefault && wanted[d.Name] == nil && slices.ContainsFunc(all, func(x *Datasource) bool { return x.IsDefault }) {
			d.IsDefault = false
		}
	}
	return nil
}

// open returns the datasource's secrets in clear.
func (g *Grafana) open(d *Datasource) (map[string]string, error) {
	out := maps.Clone(d.Sealed)
	for k, v := range out {
		plain, err := unseal(g.cfg.Get("security.secret_key"), v)
		if err != nil {
			return nil, fmt.Errorf("data source %q: %w", d.Name, err)
		}
		out[k] = plain
	}
	return out, nil
}
